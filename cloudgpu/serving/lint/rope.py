"""The RoPE override in the form that a release reads, for rules that put it right."""

import json

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit

_QWEN_THETA = 1_000_000
"""Of Qwen2 and Qwen3: the model cards' own YaRN recipes name it."""


def native_context(case: Case) -> int | None:
    """Tokens that the model reads without any override."""
    return case.model.max_context if case.model else None


def stretched(case: Case) -> tuple[Edit, ...]:
    """Edits that move an override into --hf-overrides, or take it out where the model needs none.

    Since 0.30 the length stands beside it: YaRN alone lengthens nothing any more.
    """
    rope, wanted, native = case.rope_override, case.args.count("--max-model-len"), native_context(case)
    old = (Edit(flag="--rope-scaling"),) if case.args.get("--rope-scaling") else ()
    if rope is None or (native and wanted and wanted <= native):
        return old
    body = {name: value for name, value in case.hf_overrides.items() if name not in ("rope_scaling", "rope_parameters")}
    own = {"rope_theta": _QWEN_THETA} if case.model and case.model.family.startswith("qwen") else {}
    body["rope_parameters" if case.release >= (0, 24) else "rope_scaling"] = {**own, **rope}
    if case.release >= (0, 30) and wanted:
        body["max_position_embeddings"] = wanted
    return (*old, Edit(flag="--hf-overrides", value=json.dumps(body)))
