"""Number formats as kernels work with them: the bytes a step reads for a weight, and the units that multiply.

Weight-only formats (AWQ, GPTQ, MXFP4 before Blackwell, FP8 before Ada, GGUF) are unpacked to 16 bit in the kernel: they
read little and multiply as slowly as 16 bit. bitsandbytes unpacks to memory first: it writes and reads 16 bit on top.
"""

from dataclasses import dataclass

from cloudgpu.sizing.engines.profile import capability


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatSpeed:
    """`linear_bytes` and `expert_bytes` are read for one weight in each step; `native_from` is the compute capability
    whose tensor cores multiply the format itself (`native_speedup` over 16 bit), None when none does.

    `is_marlin`: dense matrices go through Marlin, which unpacks only so fast. `is_measured`: rows of the format are
    among those that the constants were checked on.
    """

    linear_bytes: float
    expert_bytes: float
    native_from: str | None = None
    native_speedup: int = 1
    quantises_inputs: bool = False
    is_marlin: bool = False
    is_measured: bool = False

    def speedup_on(self, compute_capability: str | None) -> int:
        """How much faster than 16 bit the card multiplies this format, by its nominal figures."""
        if self.native_from is None or compute_capability is None:
            return 1
        return self.native_speedup if capability(compute_capability) >= capability(self.native_from) else 1


def format_speed(quantization: str | None, plain_bytes: int) -> FormatSpeed:
    """How kernels work with `quantization` (our word for it), None for weights of `plain_bytes` bytes."""
    if quantization is None:
        return FormatSpeed(linear_bytes=plain_bytes, expert_bytes=plain_bytes, is_measured=True)
    return _KNOWN.get(quantization) or _weight_only(_GGUF_BITS.get(quantization, 5.0) / 8)


def _weight_only(width: float, *, is_measured: bool = False) -> FormatSpeed:
    return FormatSpeed(linear_bytes=width, expert_bytes=width, is_marlin=True, is_measured=is_measured)


def _native(width: float, since: str, speedup: int, *, is_measured: bool = False) -> FormatSpeed:
    return FormatSpeed(linear_bytes=width, expert_bytes=width, native_from=since, native_speedup=speedup,
                       quantises_inputs=True, is_measured=is_measured)  # fmt: skip


_UNPACKED = 4.0
"""bitsandbytes writes each weight in 16 bit and reads it again."""

_KNOWN = {
    "awq": _weight_only(0.52, is_measured=True),
    "gptq": _weight_only(0.52, is_measured=True),
    "gptq-int8": _weight_only(1.02),
    "fp8": _native(1.0, "8.9", 2, is_measured=True),
    "fp8-channel": _native(1.0, "8.9", 2, is_measured=True),
    "int8": _native(1.0, "8.0", 2),
    "mxfp4": FormatSpeed(linear_bytes=2.0, expert_bytes=0.53, is_measured=True),
    "nvfp4": _native(0.5625, "10.0", 4, is_measured=True),
    "bitsandbytes": FormatSpeed(linear_bytes=0.56 + _UNPACKED, expert_bytes=0.56 + _UNPACKED),
    "bitsandbytes-double": FormatSpeed(linear_bytes=0.52 + _UNPACKED, expert_bytes=0.52 + _UNPACKED),
    "bitsandbytes-int8": FormatSpeed(linear_bytes=1 + _UNPACKED, expert_bytes=1 + _UNPACKED),
}

_GGUF_BITS = {
    "f16": 16.0,
    "q8_0": 8.5,
    "q6_k": 6.6,
    "q5_k_m": 5.7,
    "q4_k_m": 4.9,
    "q4_0": 4.5,
    "q3_k_m": 3.9,
    "q2_k": 3.0,
}
"""Bits a weight of the llama.cpp types; types in between read about 5."""
