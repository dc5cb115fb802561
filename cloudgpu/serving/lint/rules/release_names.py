"""Names that the configuration of a release looks up: V70."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Hit, Severity
from cloudgpu.serving.lint.releases.flag_choices import CONNECTOR, METHOD, refuses_word
from cloudgpu.serving.lint.rule import rule

_NOT_JUDGED = ("marlin", "bitsandbytes", "gguf")
"""The first stands for another method; of the others V19 and V20 know when they left."""

_CONNECTOR_FLAG = CONNECTOR.partition(".")[0]


@rule("V70", Severity.ERROR, "quantisation or KV connector that the release does not have", versions="0.14.1 to 0.33.0",
      source="registries of vLLM 0.14.1, 0.18.1, 0.25.1 and 0.33.0, asked")  # fmt: skip
def unheard_name(case: Case) -> Iterator[Hit]:
    """`Unknown quantization method`, `Unsupported connector type`. Plugins and images of one's own may bring more."""
    method = None if case.args.has("--allow-deprecated-quantization") else case.args.value(METHOD)
    if method is not None and method not in _NOT_JUDGED and refuses_word(METHOD, method, case.release):
        yield Hit(
            message=f"vLLM {case.version} does not take the quantisation method {method}",
            fix="choose one that it has, or another release", at=case.at(METHOD), severity=_unless_known(case),
        )  # fmt: skip
    transfer = case.args.json(_CONNECTOR_FLAG)
    connector = transfer.get("kv_connector") if isinstance(transfer, dict) else None
    if not isinstance(connector, str) or transfer.get("kv_connector_module_path"):
        return
    if refuses_word(CONNECTOR, connector, case.release):
        yield Hit(
            message=f"vLLM {case.version} has no KV connector {connector}",
            fix="choose one that it has, or name its kv_connector_module_path", at=case.at(_CONNECTOR_FLAG),
            severity=_unless_known(case),
        )  # fmt: skip


def _unless_known(case: Case) -> Severity | None:
    is_ours = case.service.image is None or case.is_official
    return None if is_ours and case.is_known else Severity.WARNING
