"""Weights on one GPU: exact parameters, what the engine makes of them, how they are split."""

from math import ceil

from cloudgpu.sizing.engines import EngineProfile
from cloudgpu.sizing.number_formats import BYTES_PER_QUANTISED
from cloudgpu.sizing.shape import Architecture

REPACKED_LINEAR = 1.03
"""Marlin's repacked AWQ and GPTQ matrices against their files: +1.0 to +2.2 % in logs of 0.8 to 0.28, +4 % with random
weights on 0.25.1. Experts are repacked in place (Qwen3-30B-A3B-GPTQ-Int4: 15.61 GiB logged, 15.63 by the files)."""

PADDED_MXFP4 = 3072 * 2944 / (2880 * 2880)
"""gpt-oss up to 0.19: hidden size padded 2880 to 3072, intermediate size to 2944 (13.72 GiB logged for the 20b)."""

TRITON_MXFP4 = 1.009
"""gpt-oss later: 61.29 GiB logged for the 120b against 60.77 in its files."""

VOCAB_MULTIPLE = 64


def weights_bytes(
    architecture: Architecture,
    quantization: str | None,
    plain_bytes: int,
    profile: EngineProfile,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
) -> float:
    """Bytes of weights on the fullest GPU of the split.

    Source: the sharding rules of vLLM's layers; engine = parameters loaded + rope caches + what repacking adds.
    `plain_bytes` is the width of what stays unquantised.
    """
    body = _body_bytes(architecture, quantization, plain_bytes, profile, tensor_parallel)
    ends = _ends_bytes(architecture, plain_bytes, tensor_parallel, pipeline_parallel)
    stage = ceil(architecture.layers / pipeline_parallel) / architecture.layers
    return body * stage + ends + architecture.rotary_elements * 2


def _body_bytes(
    architecture: Architecture, quantization: str | None, plain_bytes: int, profile: EngineProfile, ranks: int
) -> float:
    parameters = architecture.parameters
    linear_width, expert_width = _widths(quantization, plain_bytes, profile)
    split = parameters.linear / ranks + parameters.kv_linear / min(ranks, architecture.kv_heads)
    return (
        (split + parameters.replicated_linear) * linear_width
        + parameters.experts / ranks * expert_width
        + (parameters.small + parameters.vision / ranks) * plain_bytes
    )


def _ends_bytes(architecture: Architecture, plain_bytes: int, ranks: int, stages: int) -> float:
    """Embedding and output head: the first and the last stage of a pipeline hold one each, and one GPU holds both."""
    parameters = architecture.parameters
    embedding = _vocabulary_share(parameters.embedding, architecture.vocab_size, ranks)
    head = _vocabulary_share(parameters.head, architecture.vocab_size, ranks)
    return (embedding + head if stages == 1 else max(embedding, head)) * plain_bytes


def _vocabulary_share(count: int, vocab: int, ranks: int) -> float:
    if ranks == 1:
        return float(count)
    padded = ceil(vocab / VOCAB_MULTIPLE) * VOCAB_MULTIPLE
    return count * padded / vocab / ranks


def _widths(quantization: str | None, plain_bytes: int, profile: EngineProfile) -> tuple[float, float]:
    """(bytes of a linear weight, bytes of an expert weight) as the engine stores them."""
    if quantization is None:
        return float(plain_bytes), float(plain_bytes)
    width = BYTES_PER_QUANTISED[quantization]
    if quantization == "mxfp4":
        return float(plain_bytes), width * (PADDED_MXFP4 if profile.pads_mxfp4 else TRITON_MXFP4)
    repacked = quantization in {"awq", "gptq", "gptq-int8"}
    return width * (REPACKED_LINEAR if repacked else 1), width
