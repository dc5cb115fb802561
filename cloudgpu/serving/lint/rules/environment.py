"""Variables that do nothing, or something else than meant: V41, V42."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.rule import rule

_IGNORED = {
    "VLLM_USE_V1": ((0, 11, 1), "the V1 engine is the only one"),
    "VLLM_ATTENTION_BACKEND": ((0, 15), "use --attention-backend"),
    "HF_HUB_ENABLE_HF_TRANSFER": ((0, 20), "use HF_XET_HIGH_PERFORMANCE"),
}


@rule("V41", Severity.WARNING, "variable that the engine no longer reads", versions="by variable", source="vLLM source")
def ignored_variable(case: Case) -> Iterator[Hit]:
    """It is ignored without a word."""
    for name, (since, instead) in _IGNORED.items():
        if name in case.service.environment and case.release >= since:
            yield Hit(message=f"{name} is ignored by vLLM {case.version}: {instead}", fix="drop it",
                      at=case.service.at("environment"), edits=(Edit(flag=name, environment=True),))  # fmt: skip


@rule("V42", Severity.WARNING, "VLLM_PORT taken for the port of the API", source="vLLM documentation")
def internal_port(case: Case) -> Iterator[Hit]:
    """It is the base of internal ports; a Kubernetes service named `vllm` sets it to something worse."""
    if "VLLM_PORT" in case.service.environment:
        yield Hit(message="VLLM_PORT is the base of the engine's internal ports, not the port of its API",
                  fix="use --port", at=case.service.at("environment"))  # fmt: skip
