"""The nearest form of a model that only its tensors describe, for a cache and a workspace of the right order."""

import re
from collections.abc import Sequence
from typing import Any

from cloudgpu.base.errors import BadFileError
from cloudgpu.sizing.checkpoint.parts import layer_of, part_of
from cloudgpu.sizing.checkpoint.tensor import StoredTensor

USUAL_HEAD_DIM = 128
USUAL_CONTEXT = 8192
_EVERY_LAYER = 10**9

_QUERY = re.compile(r"\.(q_proj|wq|attn_q|query)\.")
_KEYS = re.compile(r"\.(k_proj|wk|attn_k|key)\.")
_UP = re.compile(r"\.(up_proj|gate_proj|w1|w3|ffn_up|fc1|c_fc|intermediate\.dense)\.")


def guessed_config(tensors: Sequence[StoredTensor], known: dict[str, Any]) -> dict[str, Any]:
    """A config with what `known` (a config.json that cannot be read as it is) says and shapes tell.

    Heads are taken to be 128 wide. Raises BadFileError when there is no embedding to start from.
    """
    table = _table(tensors)
    hidden, vocab = min(table.shape), max(table.shape)
    queries = _width(tensors, _QUERY, hidden) or hidden
    keys = _width(tensors, _KEYS, hidden) or queries
    shapes = {
        "model_type": "unknown",
        "hidden_size": hidden,
        "vocab_size": vocab,
        "num_hidden_layers": max(layer_of(tensor.name) for tensor in tensors) + 1 or 1,
        "num_attention_heads": max(queries // USUAL_HEAD_DIM, 1),
        "num_key_value_heads": max(keys // USUAL_HEAD_DIM, 1),
        "head_dim": min(USUAL_HEAD_DIM, queries),
        "intermediate_size": _width(tensors, _UP, hidden) or 4 * hidden,
        "max_position_embeddings": USUAL_CONTEXT,
        "tie_word_embeddings": not any(_is(tensor, "head") for tensor in tensors),
    }
    stated = {key: known[key] for key in shapes if isinstance(known.get(key), int | str | bool)}
    return {**known, **shapes, **stated}


def _table(tensors: Sequence[StoredTensor]) -> StoredTensor:
    tables = [tensor for tensor in tensors if len(tensor.shape) == 2 and (_is(tensor, "embedding"))]
    tables = tables or [tensor for tensor in tensors if len(tensor.shape) == 2 and _is(tensor, "head")]
    if not tables:
        raise BadFileError(
            "the weights hold no embedding of tokens: this is no language model that can be estimated",
            hint="give the folder or repository of the whole model, not of an adapter or a part of it",
        )
    return max(tables, key=lambda tensor: tensor.elements)


def _is(tensor: StoredTensor, part: str) -> bool:
    return part_of(tensor.name, len(tensor.shape), _EVERY_LAYER) == part


def _width(tensors: Sequence[StoredTensor], pattern: re.Pattern[str], hidden: int) -> int | None:
    """The side of the first such matrix that is not the hidden one."""
    for tensor in tensors:
        if len(tensor.shape) == 2 and pattern.search(tensor.name):
            first, second = tensor.shape
            return second if first == hidden else first
    return None
