"""What is neither weights nor cache: the activation peak of the profile run, CUDA graphs, NCCL, the CUDA context.

Calibrated on starts of vLLM 0.25.1 on H100 and H200 and on public start-up logs; see docs of each constant.
"""

from cloudgpu.base.units import GIB
from cloudgpu.sizing.engines import EngineProfile
from cloudgpu.sizing.shape import Architecture

HIDDEN_ROWS, FEED_FORWARD_ROWS = 2.4, 3.3
"""Rows of hidden and feed-forward width alive at the peak of a dense layer. Fitted on four starts of 0.25.1 with 16,384
tokens: 1.77, 1.77, 2.96 and (two GPUs) 1.67 GiB logged, 1.77, 1.75, 2.96 and 1.67 by these."""

NON_TORCH_GIB = {1: 0.24, 2: 0.6, 4: 1.75, 8: 2.1}
"""Kernels, cuBLAS and NCCL by the number of GPUs: logged 0.22 and 0.26 (1), 0.54 and 0.74 (2), 1.70 and 1.84 (4),
2.10 (8)."""

GRAPH_GIB_PER_LAYER = 0.022
"""The newer runner, 51 sizes captured: 0.95 GiB for 48 layers, 1.43 for 64, 0.53 for 28 logged."""
GRAPH_MIXTURE_FACTOR = 2.0
"""1.2 GiB for the 27 layers of DeepSeek-V2-Lite."""
GRAPH_GIB_PER_LAYER_V1 = 0.013
"""The older runner's estimate: 0.76 GiB for the 60 layers of Gemma-4-31B on 0.26."""

ALL_CAPTURE_SIZES = 51


def forward_peak_gib(architecture: Architecture, tokens: int, tensor_parallel: int, element_bytes: int = 2) -> float:
    """Peak of one forward pass over `tokens` tokens on one GPU."""
    rows = max(_dense_rows(architecture, tensor_parallel), _mixture_rows(architecture, tensor_parallel))
    return tokens * rows * element_bytes / GIB


def sampler_peak_gib(architecture: Architecture, profile: EngineProfile, sequences: int, *, v2_runner: bool) -> float:
    """Peak of sampling one token for every sequence; each GPU of a split holds the whole vocabulary's logits."""
    rows = min(sequences, profile.v2_sampler_rows) if v2_runner else sequences
    each = profile.v2_sampler_bytes_per_logit if v2_runner else profile.sampler_bytes_per_logit
    return rows * architecture.vocab_size * each / GIB


def activation_peak_gib(
    architecture: Architecture,
    profile: EngineProfile,
    tokens: int,
    sequences: int,
    tensor_parallel: int,
    element_bytes: int = 2,
) -> float:
    """The largest of what the profile run does one after the other: forward pass, sampling, one maximal image."""
    forward = forward_peak_gib(architecture, tokens, tensor_parallel, element_bytes)
    if architecture.is_encoder:
        return forward
    v2_runner = profile.has_v2_runner and architecture.is_plain_text
    sampler = sampler_peak_gib(architecture, profile, min(sequences, tokens), v2_runner=v2_runner)
    vision = architecture.vision_peak_elements * element_bytes / GIB
    return max(forward, sampler, vision)


def cuda_graph_gib(architecture: Architecture, profile: EngineProfile, sequences: int, *, eager: bool) -> float:
    """CUDA graphs of the usual capture sizes; 0 with enforce_eager and for encoders."""
    if eager or architecture.is_encoder:
        return 0.0
    share = capture_sizes(min(2 * sequences, 512)) / ALL_CAPTURE_SIZES
    if not (profile.has_v2_runner and architecture.is_plain_text):
        return GRAPH_GIB_PER_LAYER_V1 * architecture.layers * share
    mixture = GRAPH_MIXTURE_FACTOR if architecture.expert_count else 1.0
    return GRAPH_GIB_PER_LAYER * architecture.layers * mixture * share


def graphs_inside_budget(architecture: Architecture, profile: EngineProfile) -> bool:
    """Whether the engine takes the graphs out of the cache's share; else they come on top of the budget.

    Source: vLLM from 0.21 estimates them; the newer runner, which serves plain text models, answered 0 in every
    start of 0.25.1 (weights + activation + non-torch + KV = requested, and 0.39 to 1.43 GiB of graphs followed).
    """
    if profile.has_v2_runner and architecture.is_plain_text:
        return profile.v2_graphs_inside_budget
    return profile.graphs_inside_budget


def non_torch_gib(gpus: int) -> float:
    """Memory that torch does not allocate, on each of `gpus` GPUs that serve together."""
    return next((gib for count, gib in NON_TORCH_GIB.items() if gpus <= count), NON_TORCH_GIB[8])


def cuda_context_gib(total_gib: float, gpus: int) -> float:
    """What the CUDA context takes before the engine counts.

    Logged: 0.23 GiB on 16 GB, 0.52 on 80 GB, 1.53 on each of two 140 GB cards, which map each other's memory.
    """
    return 0.2 + (0.004 if gpus == 1 else 0.0095) * total_gib


def capture_sizes(largest: int) -> int:
    """How many batch sizes are captured up to `largest`: 1, 2, 4, then every 8 to 256, then every 16."""
    sizes = (1, 2, 4, *range(8, 257, 8), *range(272, 513, 16))
    return max(len([size for size in sizes if size <= largest]), 1)


def _dense_rows(architecture: Architecture, ranks: int) -> float:
    if architecture.is_encoder:
        return 4 * architecture.hidden_size + 2 * architecture.intermediate_size
    width = architecture.intermediate_size / ranks
    return HIDDEN_ROWS * architecture.hidden_size + FEED_FORWARD_ROWS * width


def _mixture_rows(architecture: Architecture, ranks: int) -> float:
    """Each token goes through k experts (three widths and one hidden row each) beside the shared ones.

    1.66 GiB logged for DeepSeek-V2-Lite on 0.25.1, 1.66 by this.
    """
    if not architecture.expert_count:
        return 0.0
    hidden = architecture.hidden_size
    routed = architecture.experts_per_token * (3 * architecture.expert_intermediate_size / ranks + hidden)
    return routed + 3 * architecture.shared_intermediate_size / ranks + 4 * hidden
