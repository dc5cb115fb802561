"""A context beyond the model's own: by how much its positions must be stretched, or why they cannot be."""

from math import ceil

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.options import ServingOptions
from cloudgpu.sizing.shape import Architecture

YARN_ORIGINAL = {"qwen2": 32768, "qwen3": 32768, "qwen3_moe": 32768}
"""Families whose makers document YaRN, with the positions it starts from."""
YARN_THETA, YARN_LONGEST_OWN = 1000000, 40960
"""The rope base of those families' models with up to so many positions of their own. Source: the configs behind the
YaRN sections of the Qwen2.5 and Qwen3 model cards; models made for longer contexts have bases of their own."""
YARN_MOST = 4


def yarn_factor(architecture: Architecture, options: ServingOptions, context: int) -> float:
    """What YaRN multiplies positions by, 1 when the context needs none.

    The config's own factor, else the one asked for, else the smallest whole one for families that document YaRN. Raises
    UsageError for a context that none of these reaches: engines refuse it, or answer with garbage when forced.
    """
    asked = max(architecture.yarn_factor, options.rope_scaling_factor or 1.0)
    if context <= architecture.max_context:
        return asked
    if architecture.is_encoder:
        raise _beyond(architecture, context, f"use --context {architecture.max_context} or less")
    original = YARN_ORIGINAL.get(architecture.family)
    documented = ceil(context / original) if original and architecture.max_context >= original else YARN_MOST + 1
    factor = asked if asked > 1 else float(documented)
    reach = _reach(architecture, options.rope_scaling_factor or 1.0, original)
    if (asked == 1 and documented <= YARN_MOST) or context <= reach:
        return factor
    raise _beyond(architecture, context, _hint(architecture, original, reach if options.rope_scaling_factor else 0))


def rope_theta(architecture: Architecture) -> int | None:
    """The rope base that an override has to repeat: the config's own, else the one that the family's makers document.

    None when neither says it.
    """
    if architecture.rope_theta is not None:
        return architecture.rope_theta
    documented = architecture.family in YARN_ORIGINAL and architecture.max_context <= YARN_LONGEST_OWN
    return YARN_THETA if documented else None


def _reach(architecture: Architecture, factor: float, original: int | None) -> int:
    """How far a factor that was asked for goes; a config that stretches already says the stretched length itself."""
    if factor == 1 or architecture.yarn_factor > 1:
        return architecture.max_context
    return int(factor * (original or architecture.max_context))


def _beyond(architecture: Architecture, context: int, hint: str) -> UsageError:
    return UsageError(f"a context of {context} is beyond the model's {architecture.max_context} tokens", hint=hint)


def _hint(architecture: Architecture, original: int | None, reach: int) -> str:
    """`reach` is how far the factor that was asked for goes, 0 when none was."""
    if reach:
        return f"use --context {reach} or less, as far as that --rope-scaling-factor goes, or give a larger one"
    if original and architecture.max_context >= original:
        return f"use --context {YARN_MOST * original} or less, which YaRN reaches"
    return f"use --context {architecture.max_context} or less, or give --rope-scaling-factor"
