"""The RoPE override in the form that a release reads, for rules that put it right."""

import json

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit
from cloudgpu.sizing.memory.rope_override import override_body
from cloudgpu.sizing.memory.stretch import rope_theta

_OURS = {"rope_scaling", "rope_parameters"}


def native_context(case: Case) -> int | None:
    """Tokens that the model reads without any override."""
    return case.model.max_context if case.model else None


def stretched(case: Case) -> tuple[Edit, ...]:
    """Edits that move an override into --hf-overrides, or take it out where the model needs none.

    A multimodal model reads what stands in its `text_config`.
    """
    rope, wanted, native = case.rope_override, case.args.count("--max-model-len"), native_context(case)
    old = (Edit(flag="--rope-scaling"),) if case.args.get("--rope-scaling") else ()
    if rope is None or (native and wanted and wanted <= native):
        return old
    body = override_body(rope, rope_theta(case.model.architecture) if case.model else None, wanted, case.release)
    return (*old, Edit(flag="--hf-overrides", value=json.dumps(_placed(case, body))))


def _placed(case: Case, body: dict[str, object]) -> dict[str, object]:
    """The override among the others that the command line holds."""
    others = {name: value for name, value in case.hf_overrides.items() if name not in _OURS}
    if not (case.model and case.model.architecture.has_vision):
        return {**others, **body}
    inner = others.get("text_config")
    kept = {name: value for name, value in inner.items() if name not in _OURS} if isinstance(inner, dict) else {}
    return {**others, "text_config": {**kept, **body}}
