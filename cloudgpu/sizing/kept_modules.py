"""Which layers of a matrix a checkpoint leaves in 16 bit, by the module names its config lists."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from cloudgpu.sizing.shape import Matrix

_PARTS = {
    "qkv_proj": ("q_proj", "k_proj", "v_proj"),
    "gate_up_proj": ("gate_proj", "up_proj"),
    "fused_qkv_a_proj": ("q_a_proj", "kv_a_proj_with_mqa"),
    "q_b_proj": ("q_b_proj", "q_proj"),
    "in_proj_qkvz": ("in_proj_qkv", "in_proj_z"),
    "w13": ("0.gate_proj", "0.up_proj"),
    "w2": ("0.down_proj",),
}
"""What the checkpoint calls the parts of a fused tensor; experts are asked by their first."""

_ALSO = {"mlp.": ("mlp.", "feed_forward.", "block_sparse_moe."), "shared_experts": ("shared_experts", "shared_expert")}


@lru_cache(maxsize=4096)
def kept_layers(matrix: Matrix, patterns: tuple[str, ...]) -> float:
    """How many of the matrix's layers stay in 16 bit, as a share of them (0 to 1)."""
    if not patterns:
        return 0.0
    literal = {pattern for pattern in patterns if not _is_pattern(pattern)}
    loose = tuple(pattern for pattern in patterns if _is_pattern(pattern))
    if not literal:
        return float(_matches(_names(matrix, matrix.first), loose))
    kept = [_listed(_names(matrix, layer), literal) for layer in range(matrix.first, matrix.last)]
    share = sum(kept) * matrix.layers / len(kept) / matrix.layers if kept else 0.0
    return max(share, float(_matches(_names(matrix, matrix.first), loose)))


def _names(matrix: Matrix, layer: int) -> list[str]:
    home, _, last = matrix.name.rpartition(".")
    homes = {home}
    for word, spellings in _ALSO.items():
        homes |= {f"{found}.".replace(word, spelling).rstrip(".") for found in homes for spelling in spellings}
    parts = _PARTS.get(last, (last,))
    return [f"model.layers.{layer}.{found}.{part}" for found in homes for part in (*parts, last)]


def _listed(names: Iterable[str], literal: set[str]) -> bool:
    """Whether a listed name is the module, one it lies in, or its last word."""
    return any(suffix in literal for name in names for suffix in _within(name))


def _within(name: str) -> Iterable[str]:
    words = name.split(".")
    for stop in range(1, len(words) + 1):
        inner = ".".join(words[:stop])
        yield inner
        yield inner.removeprefix("model.")
        yield "model.language_model." + inner.removeprefix("model.")
        yield "language_model." + inner
        yield words[stop - 1]


def _is_pattern(text: str) -> bool:
    return text.startswith("re:") or "*" in text


def _matches(names: Sequence[str], loose: Sequence[str]) -> bool:
    return any(_match(name, pattern) for pattern in loose for name in names)


def _match(name: str, pattern: str) -> bool:
    if not pattern.startswith("re:"):
        return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")
    try:
        return re.match(pattern[3:], name) is not None
    except re.error:
        return False
