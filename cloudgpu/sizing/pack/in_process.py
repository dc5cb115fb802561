"""A model inside a Python program (transformers, sentence-transformers): weights, one batch, one CUDA context.

Source: layers reuse their buffers, so the widest moment of one layer is the peak: B*S*(4h + 2I) numbers in the
feed-forward part (3I where it is gated), B*S*6h and two B*H*S*S in attention without a fused kernel. Measured on an
H100 with transformers 5.17 and torch 2.11 (tests/accuracy/in_process.jsonl): within 5 % of the peak, and what torch
reserves for it is half as much again. The bytes of quantised formats are those of their files.
"""

from dataclasses import dataclass

from cloudgpu.base.errors import UsageError
from cloudgpu.base.units import GIB
from cloudgpu.sizing.engines.profile import capability
from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.memory.cache import token_bytes
from cloudgpu.sizing.memory.overhead import cuda_context_gib
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.pack.budget import Entry
from cloudgpu.sizing.shape import Architecture

LIBRARIES_GIB = 0.16
"""Kernels beside the context: 0.68 GiB measured for both on an 80 GB card."""
CUBLAS_GIB = 0.03
"""Its workspace, the part of the peak that no batch explains."""
RESERVED_OVER_PEAK = 1.5
"""What torch's allocator keeps for the buffers of a batch: 1.07 to 1.62 times their peak, 1.5 for most."""
LEAST_CAPABILITY = "7.5"
"""The oldest card that PyTorch's current builds (CUDA 13) run on."""
CONTEXT_BAND_GIB, WORKSPACE_BAND_SHARE = 0.2, 0.3

PLAIN_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
PACKED_BYTES = {
    "int8": 1.0,
    "nf4": 0.5 + 4 / 64,
    "nf4-double": 0.5 + 1 / 64 + 4 / 16384,
    "awq": 0.5 + 2.5 / 128,
    "gptq": 0.5 + 2.5 / 128,
    "fp8": 1 + 4 / 16384,
}
"""Bytes of one quantised weight with its share of scales."""

_SPELLINGS = {
    "bitsandbytes": "nf4", "bnb": "nf4", "4bit": "nf4", "int4": "nf4", "8bit": "int8", "bitsandbytes-int8": "int8",
    "bitsandbytes-double": "nf4-double", "gptq-int8": "int8",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class InProcess:
    """GiB of one card, by what for."""

    weights_gib: float
    workspace_gib: float
    cache_gib: float
    context_gib: float
    band_gib: float
    refusal: str | None


def in_process_demand(entry: Entry, gpu: GpuSpec) -> InProcess:
    """What the entry takes on that card at a full batch. Raises UsageError for a format that is not known."""
    model = entry.model
    assert model is not None
    element_bytes = PLAIN_BYTES[dtype_of(entry, model)]
    peak_gib = _peak_bytes(entry, model.architecture, element_bytes) / GIB + CUBLAS_GIB
    workspace_gib = RESERVED_OVER_PEAK * peak_gib
    return InProcess(
        weights_gib=weights_bytes(entry, model) / GIB / entry.tensor_parallel,
        workspace_gib=workspace_gib,
        cache_gib=_cache_bytes(entry, model.architecture, element_bytes) / GIB / entry.tensor_parallel,
        context_gib=cuda_context_gib(gpu.total_gib, 1) + LIBRARIES_GIB,
        band_gib=CONTEXT_BAND_GIB + WORKSPACE_BAND_SHARE * workspace_gib,
        refusal=_refusal(gpu),
    )


def weights_bytes(entry: Entry, model: ModelSpec) -> float:
    """Bytes of the weights as the program holds them; what a format leaves alone stays in the plain one."""
    plain = PLAIN_BYTES[dtype_of(entry, model)]
    format_ = packed_format(entry, model)
    parameters = model.architecture.parameters
    if format_ is None:
        return float(parameters.loaded * plain)
    small = parameters.quantisable
    return small * PACKED_BYTES[format_] + (parameters.loaded - small) * plain


def dtype_of(entry: Entry, model: ModelSpec) -> str:
    """The plain format: as asked, else the checkpoint's own (transformers 5 keeps it), 16 bit beside packed weights."""
    if entry.dtype in (None, "auto"):
        return "float16" if packed_format(entry, model) else model.dtype
    name = {"half": "float16"}.get(str(entry.dtype), str(entry.dtype))
    if name not in PLAIN_BYTES:
        raise UsageError(f"dtype {entry.dtype!r} of {entry.name} is not known", hint="one of " + ", ".join(PLAIN_BYTES))
    return name


def packed_format(entry: Entry, model: ModelSpec) -> str | None:
    """The quantised format; None for plain weights."""
    wanted = (entry.quantization or model.quantization or "").lower()
    found = _SPELLINGS.get(wanted, wanted)
    if found in {"", "none"}:
        return None
    if found not in PACKED_BYTES:
        raise UsageError(
            f"quantization {wanted!r} of {entry.name} is not known for transformers",
            hint="one of " + ", ".join(PACKED_BYTES),
        )
    return found


def _peak_bytes(entry: Entry, architecture: Architecture, element_bytes: int) -> float:
    """The widest moment of a layer over the whole batch, and the last token's logits of a generator."""
    tokens, hidden = entry.batch * entry.sequence, architecture.hidden_size
    widest = max(architecture.intermediate_size, architecture.experts_per_token * architecture.expert_intermediate_size)
    feed_forward = tokens * (4 * hidden + (2 if architecture.is_encoder else 3) * widest)
    scores = 2 * entry.batch * architecture.attention_heads * entry.sequence**2
    attention = tokens * 6 * hidden + scores if entry.attention == "eager" else 0
    logits = 0 if architecture.is_encoder else entry.batch * architecture.vocab_size * (element_bytes + 4)
    return max(feed_forward, attention) * element_bytes + logits


def _cache_bytes(entry: Entry, architecture: Architecture, element_bytes: int) -> float:
    if architecture.is_encoder:
        return 0.0
    return float(entry.batch * (entry.sequence + entry.new_tokens) * token_bytes(architecture, element_bytes))


def _refusal(gpu: GpuSpec) -> str | None:
    if gpu.compute_capability is None or capability(gpu.compute_capability) >= capability(LEAST_CAPABILITY):
        return None
    return (
        f"PyTorch's current builds need compute capability {LEAST_CAPABILITY}; {gpu.name} has {gpu.compute_capability}"
    )
