"""The KV cache as vLLM's block pool: layers grouped by what they keep, one pool of equal blocks for all groups.

Source: vLLM V1's KV cache groups. Checked: Gemma-4-31B on 0.26 (217,113 tokens, 217,116 logged), Qwen3.5-0.8B on 0.23
(183,000; 183,202 logged), Qwen2.5-14B on 0.25.1 (227,744 logged) from the logged GiB of cache.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.shape import Architecture, LayerGroup, LayerKind

BLOCK_TOKENS = 16
EVEN_ENOUGH = 1.25
"""Kinds whose layer counts differ by less are padded to one size instead of being cut into many groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Layers of one kind in the pool: how many groups they form and how many tokens one of their blocks holds."""

    group: LayerGroup
    groups: int
    block_tokens: int

    def blocks(self, tokens: int, in_flight: int) -> int:
        """Blocks that a sequence of `tokens` holds, with `in_flight` tokens being computed."""
        return self.groups * self._blocks_of_one(tokens, in_flight)

    def _blocks_of_one(self, tokens: int, in_flight: int) -> int:
        window = self.group.window or 0
        match self.group.kind:
            case LayerKind.RECURRENT:
                return 1
            case LayerKind.CROSS:
                return ceil(window / self.block_tokens)
            case LayerKind.CHUNKED:
                return ceil(min(window + in_flight, tokens) / self.block_tokens)
            case LayerKind.WINDOW:
                return ceil(min(window - 1 + in_flight, tokens) / self.block_tokens) + 1
        return ceil(tokens / self.block_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePool:
    """The pool of one GPU: `block_bytes` is one block through all layers of a group."""

    kinds: tuple[Kind, ...]
    block_bytes: int
    in_flight: int

    def needed_bytes(self, tokens: int) -> int:
        """Bytes that one sequence of `tokens` takes."""
        return self._blocks(tokens) * self.block_bytes

    def longest(self, available_bytes: float, limit: int) -> int:
        """The longest single sequence, in whole blocks and at most `limit`, that `available_bytes` hold; 0 for none."""
        low, high = 0, limit
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.needed_bytes(middle) <= available_bytes else (low, middle - 1)
        return low

    def sequences(self, available_bytes: float, tokens: int) -> float:
        """How many sequences of `tokens` fit at once, as a fraction, the way the engine logs its concurrency."""
        return max(self._pool_blocks(available_bytes), 0) / self._blocks(tokens)

    def tokens(self, available_bytes: float, context: int) -> int:
        """Tokens the pool holds, the way the engine logs them: concurrency at `context` times `context`.

        With one kind of layer it is simply all blocks, whatever the context.
        """
        blocks = max(self._pool_blocks(available_bytes), 0)
        if len(self.kinds) == 1 and self.kinds[0].group.grows:
            return blocks * self.kinds[0].block_tokens
        return int(blocks / self._blocks(context) * context)

    def _blocks(self, tokens: int) -> int:
        return sum(kind.blocks(tokens, self.in_flight) for kind in self.kinds)

    def _pool_blocks(self, available_bytes: float) -> int:
        return int(available_bytes // self.block_bytes)


def cache_pool(
    architecture: Architecture, kv_bytes: int, in_flight: int, tensor_parallel: int = 1, pipeline_parallel: int = 1
) -> CachePool | None:
    """The pool for one GPU of the split; None for encoders, which keep nothing.

    `kv_bytes` is the width of a cached element (2, or 1 for fp8); `in_flight` the tokens being computed at once.
    """
    groups = architecture.layer_groups
    if not groups:
        return None
    pages = [_token_bytes(group, kv_bytes, tensor_parallel) for group in groups]
    page_bytes, block_tokens = _common_page(groups, pages, tensor_parallel)
    counts = [ceil(group.layers / pipeline_parallel) for group in groups]
    size = _group_size(counts)
    kinds = tuple(
        Kind(group=group, groups=ceil(count / size), block_tokens=tokens)
        for group, count, tokens in zip(groups, counts, block_tokens, strict=True)
    )
    return CachePool(kinds=kinds, block_bytes=page_bytes * size, in_flight=in_flight)


def with_speculation(architecture: Architecture, speculative_tokens: int | None) -> tuple[LayerGroup, ...]:
    """The layer groups, with the speculative layer's own cache when it drafts. Raises UsageError without such
    layers."""
    groups = architecture.layer_groups
    if speculative_tokens is None:
        return groups
    if not architecture.parameters.mtp:
        raise UsageError(
            "the model has no layers that speculate", hint="leave --speculative-tokens out, or name a model with MTP"
        )
    grown = next((group for group in groups if group.grows), groups[0])
    return tuple(replace(group, layers=group.layers + 1) if group is grown else group for group in groups)


def kept_groups(groups: Sequence[LayerGroup], *, pools_by_kind: bool, frees_chunks: bool) -> tuple[LayerGroup, ...]:
    """The groups as a release treats them: layers whose past it does not free count with those that keep everything.

    Source: vLLM's hybrid pool came with 0.10, for chunked attention (Llama 4) later: 240 GiB asked for 10,485,760
    tokens of Llama-4-Scout on 0.9, four times what its global layers take.
    """
    keeps = {LayerKind.WINDOW: not pools_by_kind, LayerKind.CHUNKED: not (pools_by_kind and frees_chunks)}
    whole = [replace(group, kind=LayerKind.FULL, window=None) if keeps.get(group.kind) else group for group in groups]
    return tuple(_merged(whole))


def _merged(groups: Sequence[LayerGroup]) -> list[LayerGroup]:
    merged: dict[LayerGroup, int] = {}
    for group in groups:
        alike = replace(group, layers=1)
        merged[alike] = merged.get(alike, 0) + group.layers
    return [replace(alike, layers=count) for alike, count in merged.items()]


def token_bytes(architecture: Architecture, kv_bytes: int, tensor_parallel: int = 1) -> int:
    """Bytes that a further token takes in all layers of one GPU, pipeline stages together.

    Layers that keep every token count; when there are none, the windowed ones do.
    """
    growing = [group for group in architecture.layer_groups if group.grows] or list(architecture.layer_groups)
    return sum(group.layers * _token_bytes(group, kv_bytes, tensor_parallel) for group in growing)


def _token_bytes(group: LayerGroup, kv_bytes: int, ranks: int) -> int:
    """K heads are shared out down to one; the latent of MLA is whole on every GPU; a state costs no token anything."""
    heads = 1 if group.kind is LayerKind.LATENT else max(ceil(group.kv_heads / ranks), 1)
    return heads * group.elements_per_head * kv_bytes


def _common_page(groups: Sequence[LayerGroup], per_token: Sequence[int], ranks: int) -> tuple[int, list[int]]:
    """(bytes of a block in one layer, tokens a block of each group holds): blocks of all kinds are equally large."""
    state = max((ceil(group.state_bytes / ranks) for group in groups), default=0)
    if state:
        widest = max(per_token)
        tokens = ceil(ceil(state / widest) / BLOCK_TOKENS) * BLOCK_TOKENS
        return tokens * widest, [tokens for _ in groups]
    page = BLOCK_TOKENS * max(per_token)
    return page, [page // each if page % each == 0 else BLOCK_TOKENS for each in per_token]


def _group_size(counts: Sequence[int]) -> int:
    """Layers a group has: those of the smallest kind, or of the largest when they are about even."""
    return max(counts) if max(counts) < min(counts) * EVEN_ENOUGH else min(counts)
