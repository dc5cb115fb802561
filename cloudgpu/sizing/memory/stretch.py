"""A context beyond the model's own: by how much its positions must be stretched, or why they cannot be."""

from math import ceil

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.options import ServingOptions
from cloudgpu.sizing.shape import Architecture

YARN_ORIGINAL = {"qwen2": 32768, "qwen3": 32768, "qwen3_moe": 32768}
"""Families whose makers document YaRN, with the positions it starts from."""
YARN_MOST = 4


def yarn_factor(architecture: Architecture, options: ServingOptions, context: int) -> float:
    """What YaRN multiplies positions by, 1 when the context needs none.

    The config's own factor, else the one asked for, else the smallest whole one for families that document YaRN. Raises
    UsageError for a context that none of these reaches: engines refuse it, or answer with garbage when forced.
    """
    asked = max(architecture.yarn_factor, options.rope_scaling_factor or 1.0)
    if context <= architecture.max_context or architecture.is_encoder:
        return asked
    original = YARN_ORIGINAL.get(architecture.family)
    documented = ceil(context / original) if original and architecture.max_context >= original else YARN_MOST + 1
    factor = asked if asked > 1 else float(documented)
    reach = architecture.max_context if asked == 1 else int(asked * (original or architecture.max_context))
    if (asked == 1 and documented <= YARN_MOST) or context <= reach:
        return factor
    raise UsageError(
        f"a context of {context} is beyond the model's {architecture.max_context} tokens",
        hint=_hint(architecture, original),
    )


def _hint(architecture: Architecture, original: int | None) -> str:
    if original and architecture.max_context >= original:
        return f"use --context {YARN_MOST * original} or less, which YaRN reaches"
    return f"use --context {architecture.max_context} or less, or give --rope-scaling-factor"
