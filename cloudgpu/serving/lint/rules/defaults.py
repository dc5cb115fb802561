"""What restates the engine's own defaults: V38."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Hit, Severity
from cloudgpu.serving.lint.rule import rule

_ALWAYS = {"--enable-chunked-prefill", "--enable-prefix-caching"}
_VALUES = {"--distributed-executor-backend": "mp", "--quantization": "awq_marlin"}


@rule("V38", Severity.NOTE, "what the engine does by itself", versions=">= 0.8", source="vLLM 0.11.0 and 0.33.0 parsed")
def restated_default(case: Case) -> Iterator[Hit]:
    """Harmless, and one flag more that a later release may drop."""
    for each in case.args.flags:
        restated = each.flag in _ALWAYS and each.written.startswith("--enable") and not each.values
        if case.release >= (0, 8) and (restated or (each.flag in _VALUES and each.value == _VALUES[each.flag])):
            yield Hit(message=f"{each.flag}{f' {each.value}' if each.value else ''} is the default", fix="drop it",
                      at=each.at)  # fmt: skip
