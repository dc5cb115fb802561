"""Contexts longer than the model's own: V12 to V17."""

import math
from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Place, Severity
from cloudgpu.serving.lint.rope import native_context, stretched
from cloudgpu.serving.lint.rule import rule
from cloudgpu.sizing.memory.rope_override import LENGTH_SINCE, PARAMETERS_SINCE, names_read

_QWEN = "Qwen's model cards; vLLM's config validation"


@rule(
    "V12", Severity.ERROR, "context beyond the model's own without a RoPE override", source="vLLM's config validation"
)
def beyond_native(case: Case) -> Iterator[Hit]:
    """The engine refuses a max_model_len above what the config derives."""
    wanted, native = case.args.count("--max-model-len"), native_context(case)
    if wanted is None or native is None or wanted <= native or _allows_long(case) or case.rope_override:
        return
    if "max_position_embeddings" in case.hf_overrides:
        return
    if case.unread_rope_override:
        yield _unread(case, wanted, native)
        return
    yield Hit(
        message=f"--max-model-len {wanted} is beyond the {native} tokens that {case.model_name} was made for",
        fix=f"ask for {native} at most, or stretch positions by YaRN in --hf-overrides", at=case.at("--max-model-len"),
        edits=(Edit(flag="--max-model-len", value=str(native)),),
    )  # fmt: skip


def _unread(case: Case, wanted: int, native: int) -> Hit:
    name = names_read(case.release)[0]
    return Hit(
        message=f"vLLM {case.version} reads RoPE settings from {name} alone: {wanted} is refused beyond {native}",
        fix=f"put them into {name}", at=case.at("--hf-overrides"), edits=stretched(case),
    )  # fmt: skip


@rule("V13", Severity.ERROR, "YaRN that no longer lengthens the context", versions=">= 0.30",
      source="vLLM 0.30 to 0.33, config validation run")  # fmt: skip
def yarn_without_positions(case: Case) -> Iterator[Hit]:
    """Since 0.30 the override must set max_position_embeddings as well."""
    wanted, native, rope = case.args.count("--max-model-len"), native_context(case), case.rope_override
    if not rope or case.release < LENGTH_SINCE or not wanted or native is None or wanted <= native:
        return
    if _positions(case) or _allows_long(case):
        return
    yield Hit(
        message=f"since 0.30 YaRN alone does not lengthen the context: {wanted} is refused beyond {native}",
        fix='add "max_position_embeddings" to --hf-overrides', at=_rope_place(case),
        edits=stretched(case),
    )  # fmt: skip


@rule("V14", Severity.WARNING, "RoPE override without rope_theta", versions=">= 0.12", source="vLLM 0.12.0")
def no_theta(case: Case) -> Iterator[Hit]:
    """Engines that read it fall back to the model class's default, mostly 10000, when the override names no theta.

    Releases that read it have no --rope-scaling any more: that one is V01's.
    """
    rope = case.rope_override
    old = case.args.get("--rope-scaling") or case.args.get("--rope-theta")
    if rope and case.release >= PARAMETERS_SINCE and "rope_theta" not in rope and not old:
        yield Hit(
            message="the RoPE override names no rope_theta: newer engines fall back to a default, not its own",
            fix="add the model's rope_theta to the override", at=_rope_place(case),
        )  # fmt: skip


@rule("V15", Severity.WARNING, "RoPE override that a multimodal model ignores", source="vLLM 0.11.0 and 0.33.0 run")
def ignored_by_vision(case: Case) -> Iterator[Hit]:
    """At the top level of --hf-overrides it never reaches the text model."""
    top = (
        case.hf_overrides.get("rope_parameters")
        or case.hf_overrides.get("rope_scaling")
        or case.args.get("--rope-scaling")
    )
    if top and case.model and case.model.architecture.has_vision:
        yield Hit(
            message=f"{case.model_name} is multimodal: a RoPE override at the top level is silently ignored",
            fix="leave it out, or put it inside text_config", at=_rope_place(case),
        )  # fmt: skip


@rule("V16", Severity.WARNING, "YaRN factor that does not follow the context", source=_QWEN)
def wrong_factor(case: Case) -> Iterator[Hit]:
    """Static YaRN costs quality on short texts, so the factor should be no larger than the context needs."""
    rope, wanted = case.rope_override or {}, case.args.count("--max-model-len")
    factor, original = rope.get("factor"), rope.get("original_max_position_embeddings") or native_context(case)
    if not wanted or not isinstance(factor, int | float) or not isinstance(original, int):
        return
    native = native_context(case)
    if native and wanted <= native and case.model and not case.model.architecture.has_vision:
        yield Hit(message=f"{case.model_name} reads {native} tokens by itself: YaRN is not needed for {wanted}",
                  fix="drop the RoPE override", at=_rope_place(case), edits=stretched(case))  # fmt: skip
    elif factor > math.ceil(wanted / original):
        enough = max(1.0, math.ceil(wanted / original * 100) / 100)
        yield Hit(
            message=f"a factor of {factor:g} is made for {int(factor * original)} tokens, not for {wanted}",
            fix=f"use {enough:g}", at=_rope_place(case),
            edits=stretched(case, enough) if case.hf_overrides else (),
        )  # fmt: skip


@rule("V17", Severity.WARNING, "long context forced with plain RoPE", source="vLLM's own warning")
def forced_length(case: Case) -> Iterator[Hit]:
    """VLLM_ALLOW_LONG_MAX_MODEL_LEN alone accepts any length; beyond the native one answers turn into noise or NaN."""
    wanted, native = case.args.count("--max-model-len"), native_context(case)
    if _allows_long(case) and wanted and native and wanted > native and not case.rope_override:
        yield Hit(
            message=f"VLLM_ALLOW_LONG_MAX_MODEL_LEN lets {wanted} tokens through, but the model breaks beyond {native}",
            fix="stretch positions by YaRN in --hf-overrides, or ask for less", at=case.service.at("environment"),
        )  # fmt: skip


def _allows_long(case: Case) -> bool:
    return case.service.environment.get("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "").lower() in ("1", "true")


def _positions(case: Case) -> bool:
    text = case.hf_overrides.get("text_config")
    return "max_position_embeddings" in case.hf_overrides or (
        isinstance(text, dict) and "max_position_embeddings" in text
    )


def _rope_place(case: Case) -> Place | None:
    return case.at("--rope-scaling") if case.args.get("--rope-scaling") else case.at("--hf-overrides")
