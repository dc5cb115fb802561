"""vLLM by release: what its server does by default and how it counts memory.

Sources: the source of the releases 0.11.0 to 0.33.0, and start-up logs (0.25.1 measured on H100 and H200).
"""

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.engines.profile import EngineProfile

NAME = "vllm"
DEFAULT_VERSION = "0.25.1"
"""The release on which our memory rules were measured."""

OLDEST = (0, 11)
NEWEST = (0, 33)

NATIVE_SAMPLER_BYTES_PER_LOGIT = 28.5
"""Sort, indices, probabilities and cumulative sum of the PyTorch sampler: 1.06 GiB logged for 256 rows of 151,936."""

FLASHINFER_SAMPLER_BYTES_PER_LOGIT = 14.0
"""Logits in 16 and 32 bit and two sets of probabilities: 3.9 GiB logged for 1,024 rows of 262,144 on 0.26."""

V2_SAMPLER_ROWS = 256
"""The newer runner's peak stopped growing here: 1.77 GiB in all for 1,024 rows of 152,064 on 0.25.1, where the native
sampler alone would be 4.1; 1.04 GiB for 256 rows on 0.28."""


def profile(version: str = DEFAULT_VERSION) -> EngineProfile:
    """The rules of one vLLM release. Raises UsageError for a version that is malformed or older than 0.11.

    A release newer than 0.33 gets the newest rules we know.
    """
    number = _parsed(version)
    return EngineProfile(
        name=NAME,
        version=version,
        image=f"vllm/vllm-openai:v{version}",
        gpu_memory_utilization=0.92 if number >= (0, 20) else 0.90,
        min_cuda="13.0" if number >= (0, 20) else "12.8",
        min_capability="7.5" if number >= (0, 20) else "7.0",
        graphs_inside_budget=number >= (0, 21),
        has_v2_runner=number >= (0, 25),
        v2_graphs_inside_budget=number >= (0, 33),
        sampler_bytes_per_logit=FLASHINFER_SAMPLER_BYTES_PER_LOGIT
        if number >= (0, 25)
        else NATIVE_SAMPLER_BYTES_PER_LOGIT,
        v2_sampler_bytes_per_logit=NATIVE_SAMPLER_BYTES_PER_LOGIT,
        v2_sampler_rows=V2_SAMPLER_ROWS,
        batches_in_flight=2 if number >= (0, 14) else 1,
        pads_mxfp4=number < (0, 20),
        quantizations=_quantizations(number),
    )


def is_known(version: str) -> bool:
    """Whether the release lies in the range whose source was read (0.11 to 0.33)."""
    return OLDEST <= _parsed(version)[:2] <= NEWEST


def _parsed(version: str) -> tuple[int, int]:
    parts = version.strip().lstrip("v").split(".")
    if len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        raise UsageError(f"{version!r} is not a vLLM version", hint=f"a version looks like {DEFAULT_VERSION}")
    number = int(parts[0]), int(parts[1])
    if number < OLDEST:
        raise UsageError(
            f"vLLM {version} is older than the memory rules we know",
            hint="use 0.11.0 or newer, best " + DEFAULT_VERSION,
        )
    return number


def _quantizations(number: tuple[int, int]) -> frozenset[str]:
    """bitsandbytes left the core at 0.28 (vllm-project/vllm pull 43529); GGUF at 0.24 (pull 39612)."""
    always = {"awq", "gptq", "gptq-int8", "fp8", "mxfp4", "nvfp4"}
    return frozenset(always | ({"bitsandbytes"} if number < (0, 28) else set()))
