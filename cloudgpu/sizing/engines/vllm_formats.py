"""Which number formats a vLLM release serves on which card, and how it keeps them in memory.

Sources: the minimum capabilities in the source of the releases 0.11 to 0.33; vllm-project/vllm pulls 39612 (GGUF out of
the core), 43529 (bitsandbytes out of the core), issues 26431 (fp8 cache), 28856 (int8 on Blackwell); starts of 0.25.1.
"""

from dataclasses import dataclass, replace

from cloudgpu.sizing.number_formats import GGUF_BITS, STORAGES, Storage

Release = tuple[int, int]
Capability = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A format in the engine's core: oldest card, the card from which its arithmetic is native, the release it left."""

    least: Capability
    native: Capability | None = None
    until: Release | None = None
    plugin: str | None = None
    below: Capability | None = None
    early_least: Capability | None = None


_MARLIN = Support(least=(7, 5), early_least=(8, 0))
_BITSANDBYTES = Support(least=(7, 0), until=(0, 28), plugin="vllm-bnb-plugin")

SUPPORT = {
    "awq": Support(least=(7, 5)),
    "gptq": Support(least=(7, 0)),
    "gptq-int8": Support(least=(7, 0)),
    "fp8": replace(_MARLIN, native=(8, 9)),
    "fp8-channel": replace(_MARLIN, native=(8, 9)),
    "int8": Support(least=(7, 5), below=(12, 0)),
    "mxfp4": Support(least=(8, 0), native=(10, 0)),
    "nvfp4": replace(_MARLIN, native=(10, 0)),
    "bitsandbytes": _BITSANDBYTES,
    "bitsandbytes-double": _BITSANDBYTES,
    "bitsandbytes-int8": _BITSANDBYTES,
    **dict.fromkeys(GGUF_BITS, Support(least=(7, 0), until=(0, 24), plugin="the GGUF plugin")),
}

MACHETE = (9, 0)
"""On Hopper alone AWQ runs on the Machete kernel, which keeps its zero points in 16 bit."""


TRITON_SCALE_STEP = 8
"""Triton's MXFP4 kernels pad the scales of a row to a multiple of 8: gpt-oss' 90 become 96."""


def formats_of(release: Release) -> frozenset[str]:
    """The formats in the core of a release."""
    return frozenset(name for name, support in SUPPORT.items() if support.until is None or release < support.until)


def least_capability(quantization: str, release: Release) -> Capability:
    """The oldest card on which the release serves the format."""
    support = SUPPORT[quantization]
    early = release < (0, 20) and support.early_least
    return early or support.least


def format_notes(quantization: str | None, have: Capability | None) -> list[str]:
    """What a user should know of a format that the release does serve on a card of that capability."""
    if quantization is None or have is None:
        return []
    support = SUPPORT[quantization]
    notes = []
    if support.native and have < support.native:
        notes.append(
            f"{quantization} weights save memory here but no arithmetic: that is native from compute capability "
            f"{support.native[0]}.{support.native[1]}"
        )
    if quantization.startswith("bitsandbytes"):
        notes.append("a pre-quantised bitsandbytes checkpoint cannot be split by tensor parallelism")
    if quantization in GGUF_BITS:
        notes.append("the bits of a GGUF mix are an average: the file's own header is exact")
    return notes


def cache_error(kv_cache_dtype: str, dtype: str, release: Release, have: Capability | None) -> str | None:
    """Why the release cannot keep its cache that way on such a card; None when it can or nobody knows.

    Seen: 0.11 on 8.0 and 8.6 dies in Triton; 0.25.1 with float16 on 9.0 dies in FlashAttention 3, bfloat16 runs.
    """
    if have is None or not kv_cache_dtype.startswith("fp8"):
        return None
    least = (8, 9) if release < (0, 12) else (8, 0)
    if have < least:
        return f"an fp8 cache needs compute capability {least[0]}.{least[1]}: use --kv-cache-dtype auto"
    if have == (9, 0) and dtype in {"float16", "half"}:
        return "an fp8 cache with float16 fails in FlashAttention 3 on this card: use --dtype bfloat16"
    return None


def cache_notes(kv_cache_dtype: str, quantization: str | None, dtype: str, have: Capability | None) -> list[str]:
    """What a user should know of an fp8 cache that the release does keep on such a card."""
    if not kv_cache_dtype.startswith("fp8"):
        return []
    notes = ["without scales in the checkpoint an fp8 cache uses 1.0: test the answers"]
    if have is not None and have < (8, 9):
        notes.append("below compute capability 8.9 an fp8 cache runs on FlashInfer alone")
    if have == (9, 0) and dtype == "auto" and quantization in {"awq", "gptq", "gptq-int8"}:
        notes.append("give --dtype bfloat16: with the checkpoint's float16 an fp8 cache fails on this card")
    return notes


def kept_as(quantization: str, release: Release, have: Capability | None, group: int | None) -> Storage:
    """How the release keeps a matrix of that format on a card of that capability.

    GPTQ's zero points are dropped (symmetric files), AWQ's stay packed beside Marlin's scales.
    """
    if quantization in GGUF_BITS:
        return Storage(weight_bits=GGUF_BITS[quantization])
    storage = STORAGES[quantization].with_group(group)
    if quantization in {"gptq", "gptq-int8"}:
        return replace(storage, zero_bytes=0.0)
    if quantization == "mxfp4" and release >= (0, 20):
        return replace(storage, group_step=TRITON_SCALE_STEP)
    if quantization == "awq" and have == MACHETE and release >= (0, 20):
        return replace(storage, zero_bytes=2.0)
    return storage
