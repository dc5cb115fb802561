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


def stretched(case: Case, factor: float | None = None) -> tuple[Edit, ...]:
    """Edits that move an override into --hf-overrides, or take it out where the model needs none.

    `factor` None keeps its own. A multimodal model reads what stands in its `text_config`.
    """
    rope, wanted, native = (
        case.rope_override or case.unread_rope_override,
        case.args.count("--max-model-len"),
        native_context(case),
    )
    old = (Edit(flag="--rope-scaling"),) if case.args.get("--rope-scaling") else ()
    if rope is None:
        return old
    if native and wanted and wanted <= native:
        return old or _set_overrides(_others(case))
    body = override_body(
        {**rope, "factor": factor} if factor else rope,
        rope_theta(case.model.architecture) if case.model else None,
        wanted,
        case.release,
    )
    return (*old, *_set_overrides(_placed(case, body)))


def _set_overrides(body: dict[str, object]) -> tuple[Edit, ...]:
    """The flag with this body; without it when nothing is left."""
    return (Edit(flag="--hf-overrides", value=json.dumps(body) if body else None),)


def _others(case: Case) -> dict[str, object]:
    """What the command line overrides beside positions."""
    top = {name: value for name, value in case.hf_overrides.items() if name not in _OURS}
    inner = top.get("text_config")
    if not isinstance(inner, dict):
        return top
    kept = {name: value for name, value in inner.items() if name not in _OURS}
    return {**top, "text_config": kept} if kept else {name: top[name] for name in top if name != "text_config"}


def _placed(case: Case, body: dict[str, object]) -> dict[str, object]:
    """The override among the others, where the model reads it."""
    others = _others(case)
    if not (case.model and case.model.architecture.has_vision):
        return {**others, **body}
    inner = others.get("text_config")
    return {**others, "text_config": {**(inner if isinstance(inner, dict) else {}), **body}}
