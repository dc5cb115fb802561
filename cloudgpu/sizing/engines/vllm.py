"""vLLM by release: what its server does by default and how it counts memory.

Sources: the source of the releases 0.11.0 to 0.33.0, and start-up logs (0.25.1 measured on H100 and H200).
"""

from functools import lru_cache

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.engines.profile import EngineProfile
from cloudgpu.sizing.engines.vllm_formats import formats_of

NAME = "vllm"
DEFAULT_VERSION = "0.25.1"
"""The release on which our memory rules were measured."""

OLDEST = (0, 11)
NEWEST = (0, 33)

NATIVE_SAMPLER_BYTES_PER_LOGIT = 28.5
"""Sort, indices, probabilities and cumulative sum of the PyTorch sampler: 1.06 GiB logged for 256 rows of 151,936."""

EARLY_SAMPLER_BYTES_PER_LOGIT = 39.0
"""The same before 0.14: 1.39 to 1.42 GiB logged for 256 rows of 151,936 by six starts of 0.7 to 0.10."""

FLASHINFER_SAMPLER_BYTES_PER_LOGIT = 16.0
"""Logits in 16 and 32 bit, probabilities and what they are drawn with: 3.9 GiB logged for 1,024 rows of 262,144 on
0.26; on 0.25.1 2.9 for 1,024 rows of 201,088 and 2.3 (less the images kept meanwhile) for 1,024 rows of 152,064."""

V2_LOGITS_BYTES, V2_EARLY_ROWS = 6.4, 1024
"""The newer runner profiled logits alone at first, in 16 and 32 bit: 0.93 GiB for 1,024 rows of 151,936 on 0.25.1, 0.25
for 256 rows a little later."""
V2_SAMPLER_ROWS = 256
"""On 0.28 it samples them: 1.04 GiB for 256 rows of 152,064."""


@lru_cache(maxsize=64)
def profile(version: str = DEFAULT_VERSION) -> EngineProfile:
    """The rules of one vLLM release. Raises UsageError for a version that is malformed.

    A release older than 0.11 or newer than 0.33 gets the nearest rules we know; `is_known` tells.
    """
    number = _parsed(version)
    return EngineProfile(
        name=NAME,
        version=version,
        release=number,
        image=f"vllm/vllm-openai:v{version}",
        gpu_memory_utilization=0.92 if number >= (0, 20) else 0.90,
        min_cuda="13.0" if number >= (0, 20) else "12.8",
        min_capability="7.5" if number >= (0, 20) else "7.0",
        graphs_inside_budget=number >= (0, 21),
        has_v2_runner=number >= (0, 25),
        v2_graphs_inside_budget=number >= (0, 33),
        v2_serves_images=number == (0, 25),
        sampler_bytes_per_logit=_sampler_bytes_per_logit(number),
        v2_sampler_bytes_per_logit=NATIVE_SAMPLER_BYTES_PER_LOGIT if number >= (0, 28) else V2_LOGITS_BYTES,
        v2_sampler_rows=V2_SAMPLER_ROWS if number >= (0, 28) else V2_EARLY_ROWS,
        batches_in_flight=2 if number >= (0, 14) else 1,
        pads_mxfp4=number < (0, 20),
        quantizations=formats_of(number),
        pools_by_kind=number >= (0, 10),
        frees_chunks=number >= (0, 12),
    )


def is_known(version: str) -> bool:
    """Whether the release lies in the range whose source was read (0.11 to 0.33)."""
    return OLDEST <= _parsed(version)[:2] <= NEWEST


def _parsed(version: str) -> tuple[int, int]:
    parts = version.strip().lstrip("v").split(".")
    if len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        raise UsageError(f"{version!r} is not a vLLM version", hint=f"a version looks like {DEFAULT_VERSION}")
    return int(parts[0]), int(parts[1])


def _sampler_bytes_per_logit(number: tuple[int, int]) -> float:
    if number >= (0, 25):
        return FLASHINFER_SAMPLER_BYTES_PER_LOGIT
    return NATIVE_SAMPLER_BYTES_PER_LOGIT if number >= (0, 14) else EARLY_SAMPLER_BYTES_PER_LOGIT
