"""Bytes a parameter takes in each number format, and what stays in 16 bit.

Sources: AutoAWQ and GPTQ file layouts (group size 128), DeepSeek and Qwen FP8 files (128 x 128 blocks), the OpenAI
gpt-oss files (MXFP4), NVIDIA ModelOpt (NVFP4), the QLoRA paper (nf4), ggml's block sizes; checked on published files.
"""

from dataclasses import dataclass, replace
from math import ceil

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.shape import ParameterGroups


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """How one format stores a matrix.

    `group` inputs share a scale (0: all of them do), and `group_outputs` outputs do. `zero_bytes` is what a zero point
    takes beside each scale. The number of groups is padded to a multiple of `group_step`.
    """

    weight_bits: float
    group: int = 0
    group_outputs: int = 1
    scale_bytes: float = 0.0
    zero_bytes: float = 0.0
    group_step: int = 1

    def tensor_bytes(self, inputs: float, outputs: float, experts: int = 1) -> tuple[float, ...]:
        """Bytes of each tensor that stands for a matrix: weights, scales, zero points."""
        weights = experts * inputs * outputs * self.weight_bits / 8
        scales = experts * self._groups(inputs) * ceil(outputs / self.group_outputs)
        return weights, scales * self.scale_bytes, scales * self.zero_bytes

    def bytes_per_weight(self) -> float:
        """Bytes of one weight with its share of a scale and a zero point; scales an output are too few to count."""
        shared = (self.scale_bytes + self.zero_bytes) / (self.group * self.group_outputs) if self.group else 0.0
        return self.weight_bits / 8 + shared

    def with_group(self, group: int | None) -> "Storage":
        """The same with another group size; None or a negative one leaves it (-1 is one group a column)."""
        return replace(self, group=group) if group and group > 0 and self.group else self

    def _groups(self, inputs: float) -> int:
        return ceil(inputs / self.group / self.group_step) * self.group_step if self.group else 1


STORAGES = {
    "awq": Storage(weight_bits=4, group=128, scale_bytes=2, zero_bytes=0.5),
    "gptq": Storage(weight_bits=4, group=128, scale_bytes=2, zero_bytes=0.5),
    "gptq-int8": Storage(weight_bits=8, group=128, scale_bytes=2, zero_bytes=1),
    "fp8": Storage(weight_bits=8, group=128, group_outputs=128, scale_bytes=4),
    "fp8-channel": Storage(weight_bits=8, scale_bytes=4),
    "int8": Storage(weight_bits=8, scale_bytes=4),
    "mxfp4": Storage(weight_bits=4, group=32, scale_bytes=1),
    "nvfp4": Storage(weight_bits=4, group=16, scale_bytes=1),
    "bitsandbytes": Storage(weight_bits=4, group=64, scale_bytes=4),
    "bitsandbytes-double": Storage(weight_bits=4, group=64, scale_bytes=1 + 4 / 256),
    "bitsandbytes-int8": Storage(weight_bits=8, scale_bytes=4),
}
"""How the files of each format store a matrix; the engines' own forms are in `engines/`."""

GGUF_BITS = {
    "gguf": 4.87,
    "f16": 16.0,
    "q8_0": 8.5,
    "q6_k": 6.5625,
    "q5_k_m": 5.69,
    "q5_k_s": 5.54,
    "q5_0": 5.5,
    "q4_k_m": 4.87,
    "q4_k_s": 4.58,
    "q4_0": 4.55,
    "iq4_xs": 4.30,
    "q3_k_m": 3.91,
    "q2_k": 3.0,
}
"""Bits a weight, embeddings and output head included. Mixes are averages over published 7B to 70B files (llama.cpp's
own table gives 4.83 to 4.89 for Q4_K_M): the header of the file at hand is exact, and `gguf` alone is taken for the
commonest, Q4_K_M."""

QUANTIZATIONS = (*STORAGES, *GGUF_BITS)

_MADE_BY_SERVERS = ("fp8", "bitsandbytes")
_MADE_BY = {"transformers": ("bitsandbytes", "bitsandbytes-int8")}

_PLAIN = ("bf16", "bfloat16", "fp16", "float16")

_SPELLINGS = {
    "": None,
    "none": None,
    "auto": None,
    **dict.fromkeys(_PLAIN),
    "auto_awq": "awq",
    "awq_marlin": "awq",
    "auto_gptq": "gptq",
    "gptq_marlin": "gptq",
    "gptq-int4": "gptq",
    "auto_round": "gptq",
    "auto-round": "gptq",
    "int4": "gptq",
    "w4a16": "gptq",
    "w8a16": "gptq-int8",
    "w8a8": "int8",
    "w8a8_int8": "int8",
    "fp8_e4m3": "fp8",
    "fp8-block": "fp8",
    "fp8-tensor": "fp8-channel",
    "fp8-dynamic": "fp8-channel",
    "w8a8_fp8": "fp8-channel",
    "fbgemm_fp8": "fp8-channel",
    "ptpc_fp8": "fp8-channel",
    "modelopt": "fp8-channel",
    "modelopt_fp4": "nvfp4",
    "gpt_oss_mxfp4": "mxfp4",
    "bnb": "bitsandbytes",
    "nf4": "bitsandbytes",
    "4bit": "bitsandbytes",
    "4-bit": "bitsandbytes",
    "nf4-double": "bitsandbytes-double",
    "nf4-dq": "bitsandbytes-double",
    "8bit": "bitsandbytes-int8",
    "8-bit": "bitsandbytes-int8",
    "llm.int8": "bitsandbytes-int8",
    "bnb-int8": "bitsandbytes-int8",
}


def canonical_quantization(name: str | None) -> str | None:
    """Our word for a quantisation; None for 16 bit. Raises UsageError for one we cannot count."""
    lowered = (name or "").strip().lower()
    if lowered in STORAGES or lowered in GGUF_BITS:
        return lowered
    if lowered in _SPELLINGS:
        return _SPELLINGS[lowered]
    words = lowered.split()
    known = [word for word in words if word in STORAGES or word in GGUF_BITS] + [w for w in words if _SPELLINGS.get(w)]
    if len(words) > 1 and known:
        return canonical_quantization(next((word for word in known if word != "gguf"), "gguf"))
    raise UsageError(f"the quantisation {name!r} is not known", hint="one of " + ", ".join(QUANTIZATIONS))


def made_on_loading(engine: str) -> tuple[str, ...]:
    """What the engine makes of a 16-bit checkpoint while it loads; all else must have been published as files.

    Of transformers it is what the application in templates/transformers-lora makes.
    """
    return _MADE_BY.get(engine, _MADE_BY_SERVERS)


def is_plain(name: str | None) -> bool:
    """Whether 16 bit are asked for by name, which a quantised checkpoint cannot give."""
    return (name or "").strip().lower() in _PLAIN


def same_method(one: str, other: str) -> bool:
    """Whether both are forms of what engines call by one name: fp8 by block or by channel, bitsandbytes in any
    width."""
    methods = {name.partition("-")[0] for name in (one, other)}
    return methods in ({"fp8"}, {"bitsandbytes"}, {"gptq"}) or one == other


def bytes_per_16_bit(dtype: str) -> int:
    """Bytes of an unquantised parameter: 4 in float32, else 2."""
    return 4 if dtype == "float32" else 2


def checkpoint_bytes(parameters: ParameterGroups, quantization: str | None, dtype: str) -> float:
    """Bytes of the checkpoint's files, before an engine repacks them."""
    plain = bytes_per_16_bit(dtype)
    if quantization is None:
        return float(parameters.total * plain)
    if quantization in GGUF_BITS:
        return parameters.loaded * GGUF_BITS[quantization] / 8
    small, kept = split_by_width(parameters, quantization)
    tables = (kept + parameters.mtp) * plain
    # AWQ and GPTQ files of models with tied embeddings store the output head all the same.
    untied = parameters.embedding * plain if not parameters.head and quantization in {"awq", "gptq", "gptq-int8"} else 0
    return small * STORAGES[quantization].bytes_per_weight() + tables + untied


def split_by_width(parameters: ParameterGroups, quantization: str) -> tuple[int, int]:
    """(parameters stored small, parameters kept in 16 bit) of what an engine loads.

    MXFP4 of gpt-oss covers the experts alone; every other format covers all matrices but embeddings, head and vision.
    """
    small = parameters.experts if quantization == "mxfp4" else parameters.quantisable
    return small, parameters.loaded - small
