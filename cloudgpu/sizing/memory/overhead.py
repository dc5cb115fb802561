"""What is neither weights nor cache: the activation peak of the profile run, CUDA graphs, NCCL, the CUDA context.

Calibrated on starts of vLLM 0.25.1 on H100 and H200 and on public start-up logs; see docs of each constant.
"""

from dataclasses import replace

from cloudgpu.base.units import GIB
from cloudgpu.sizing.engines import EngineProfile
from cloudgpu.sizing.engines.profile import Card, capability
from cloudgpu.sizing.memory.load import Load
from cloudgpu.sizing.memory.result import GRAPH_BAND_GIB
from cloudgpu.sizing.memory.vision import encoded_gib, vision_peak_gib
from cloudgpu.sizing.shape import Architecture, LayerKind

HIDDEN_ROWS, FEED_FORWARD_ROWS = 2.4, 3.3
"""Rows of hidden and feed-forward width alive at the peak of a dense layer with two norms. Fitted on four starts of
0.25.1 with 16,384 tokens: 1.77, 1.77, 2.96 and (two GPUs) 1.67 GiB logged, 1.77, 1.75, 2.96 and 1.67 by these."""
SANDWICHED = frozenset({"gemma2", "gemma3", "gemma4", "glm4"})
"""Families with four norms a layer keep twice the rows: 2.11 GiB logged for Gemma-3-12B, 2.11 by this."""

PACKED_FEED_FORWARD_ROWS = 2.8
"""The same with fp8 weights, whose input of the last matrix takes one byte: 1.42 GiB of 0.25.1 on two GPUs, 1.47 by
it."""

NON_TORCH_GIB = {1: 0.24, 2: 0.55, 4: 1.75, 8: 2.1}
"""Kernels, cuBLAS and NCCL by the number of GPUs that reach each other's memory: logged 0.22 and 0.26 (1), 0.54 (2),
1.70 and 1.84 (4), 2.10 (8)."""
NON_TORCH_WITHOUT_PEERS_GIB = 0.4
"""Cards that do not (GeForce, T4, L4) pass through the host: 0.11 to 0.32 logged for 2 to 8 of them, 0.74 once."""
PEERS_FROM_GIB = 39.0

GRAPH_GIB_PER_LAYER = 0.022
"""The newer runner, 51 sizes captured: 0.95 GiB for 48 layers, 1.43 for 64, 0.53 for 28 logged."""
GRAPH_MIXTURE_FACTOR = 2.0
"""1.2 GiB for the 27 layers of DeepSeek-V2-Lite."""
GRAPH_GIB_PER_LAYER_V1 = 0.016
"""The older runner: 0.68 GiB for 36 layers on 0.10, 0.42 and 0.40 for 24."""
GRAPH_GIB_ESTIMATED = 0.013
"""What it sets aside for them from 0.21 on: 0.76 for the 60 layers of Gemma-4-31B, 0.64 for the 48 of Qwen3-30B-A3B."""
GRAPH_GIB_PER_LAYER_EARLY = 0.05
"""Before 0.10, 67 sizes: 1.44 GiB for 28 layers, 2.24 for 36, 3.17 for 64."""
GRAPH_GIB_PER_LAYER_V0 = 0.006
"""Before 0.8: 0.17 GiB for 28 layers, 0.15 for 64."""

NCCL_GRAPH_GIB_PER_LAYER = 0.0173
"""What 51 sizes take more where NCCL's kernels are captured in place of the engine's own all-reduce, which wants cards
that reach each other's memory: 2.54 GiB for 64 layers on two H200 made to do without, 1.43 with it. No pair of such
cards has been measured, so that it widens the band and not the estimate."""

ALL_CAPTURE_SIZES = 51

V2_MIXTURES = frozenset({"deepseek_v2", "qwen2_moe", "granitemoe"})
"""The mixtures that the newer runner serves. Source: DEFAULT_V2_MODEL_RUNNER_ARCHITECTURES of vLLM 0.25.1."""


def forward_peak_gib(architecture: Architecture, load: Load) -> float:
    """Peak of one forward pass on one GPU."""
    rows = max(_dense_rows(architecture, load), _mixture_rows(architecture, load.ranks))
    return load.tokens * rows * load.element_bytes / GIB


def sampler_peak_gib(architecture: Architecture, profile: EngineProfile, sequences: int, *, v2_runner: bool) -> float:
    """Peak of sampling one token for every sequence; each GPU of a split holds the whole vocabulary's logits."""
    rows = min(sequences, profile.v2_sampler_rows) if v2_runner else sequences
    each = profile.v2_sampler_bytes_per_logit if v2_runner else profile.sampler_bytes_per_logit
    return rows * architecture.vocab_size * each / GIB


def activation_peak_gib(architecture: Architecture, profile: EngineProfile, load: Load) -> float:
    """The largest of what the profile run does one after the other: images, then a forward pass, then sampling.

    What the images were encoded to stays during the rest.
    """
    forward = forward_peak_gib(architecture, load)
    if architecture.is_encoder:
        return forward
    v2_runner = runs_on_v2(architecture, profile)
    sampler = sampler_peak_gib(architecture, profile, min(load.sequences, load.tokens), v2_runner=v2_runner)
    sampler += 0.0 if load.grouped_kernels else workspace_gib(architecture, load)
    if not profiles_images(architecture, profile):
        return max(forward, sampler)
    return max(vision_peak_gib(architecture, load), max(forward, sampler) + encoded_gib(architecture, load))


def profiles_images(architecture: Architecture, profile: EngineProfile) -> bool:
    """Whether the profile run encodes the largest image, so that its memory lies inside the budget.

    Source: `profile_run` of the newer runner in 0.25.1 does not: the same cache was left with any image limit and with
    none (vllm-project/vllm pull 48469 says so too).
    """
    return architecture.has_vision and not runs_on_v2(architecture, profile)


def image_gib_left_out(architecture: Architecture, profile: EngineProfile, load: Load) -> float:
    """What one largest image takes besides the budget where the profile run encodes none; 0 where it does."""
    if not architecture.has_vision or profiles_images(architecture, profile) or load.image_limit == 0:
        return 0.0
    return vision_peak_gib(architecture, replace(load, tokens=1, sequences=1, image_limit=1))


def workspace_gib(architecture: Architecture, load: Load) -> float:
    """What the experts' kernels keep between steps, so that the sampler finds it taken.

    Source: Triton's fused experts hold their first and last result in one buffer and the middle one in another. Seen:
    3.21 GiB for Qwen3-30B-A3B on 0.25.1 with 1,024 rows sampled, 2.9 by this and the sampler.
    """
    width = architecture.expert_intermediate_size / load.ranks
    rows = architecture.experts_per_token * (max(2 * width, architecture.hidden_size) + width)
    return load.tokens * rows * load.element_bytes / GIB


def runs_on_v2(architecture: Architecture, profile: EngineProfile) -> bool:
    """Whether the newer runner serves the model: what generates, has no recurrent layers and is no mixture but a few.

    Source: `use_v2_model_runner` of 0.25.1. Seen there: Qwen2.5, Qwen3, Llama, Gemma 3 text, DeepSeek-V2, Qwen2.5-VL
    and Qwen3-VL are served by it, Qwen3-30B-A3B and gpt-oss are not. The one log of a later release with a model that
    sees images (Gemma-4-31B on 0.26) is of the older runner.
    """
    if architecture.is_encoder or not profile.has_v2_runner:
        return False
    if architecture.has_vision and not profile.v2_serves_images:
        return False
    kinds = {group.kind for group in architecture.layer_groups}
    return LayerKind.RECURRENT not in kinds and (not architecture.expert_count or architecture.family in V2_MIXTURES)


def cuda_graph_gib(
    architecture: Architecture, profile: EngineProfile, sequences: int, *, eager: bool, card: Card
) -> float:
    """CUDA graphs of the usual capture sizes; 0 with enforce_eager and for encoders."""
    if eager or architecture.is_encoder:
        return 0.0
    share = capture_sizes(min(2 * sequences, 512)) / ALL_CAPTURE_SIZES
    if not runs_on_v2(architecture, profile):
        return _graph_gib_per_layer(profile.release, card) * architecture.layers * share
    mixture = GRAPH_MIXTURE_FACTOR if architecture.expert_count else 1.0
    return GRAPH_GIB_PER_LAYER * architecture.layers * mixture * share


def cuda_graph_band_gib(graph_gib: float, layers: int, gpus: int, card: Card) -> float:
    """How far the graphs may be above their estimate; 0 without graphs."""
    if not graph_gib:
        return 0.0
    if gpus == 1 or card.total_gib >= PEERS_FROM_GIB:
        return GRAPH_BAND_GIB
    share = min(graph_gib / (GRAPH_GIB_PER_LAYER * layers), 1.0)
    return GRAPH_BAND_GIB + NCCL_GRAPH_GIB_PER_LAYER * layers * share


def _graph_gib_per_layer(release: tuple[int, int], card: Card) -> float:
    """Turing and older cards stayed with the V0 engine until 0.10."""
    is_old = card.compute_capability is not None and capability(card.compute_capability) < (8, 0)
    if release < (0, 8) or (is_old and release < (0, 10)):
        return GRAPH_GIB_PER_LAYER_V0
    if release < (0, 10):
        return GRAPH_GIB_PER_LAYER_EARLY
    return GRAPH_GIB_PER_LAYER_V1 if release < (0, 21) else GRAPH_GIB_ESTIMATED


def graphs_inside_budget(architecture: Architecture, profile: EngineProfile) -> bool:
    """Whether the engine takes the graphs out of the cache's share; else they come on top of the budget.

    Source: vLLM from 0.21 estimates them; the newer runner, which serves plain text models, answered 0 in every
    start of 0.25.1 (weights + activation + non-torch + KV = requested, and 0.39 to 1.43 GiB of graphs followed).
    """
    if runs_on_v2(architecture, profile):
        return profile.v2_graphs_inside_budget
    return profile.graphs_inside_budget


def non_torch_gib(gpus: int, card: Card) -> float:
    """Memory that torch does not allocate, on each of `gpus` GPUs that serve together."""
    if gpus > 1 and card.total_gib < PEERS_FROM_GIB:
        return NON_TORCH_WITHOUT_PEERS_GIB
    return next((gib for count, gib in NON_TORCH_GIB.items() if gpus <= count), NON_TORCH_GIB[8])


def cuda_context_gib(total_gib: float, gpus: int) -> float:
    """What the CUDA context takes before the engine counts.

    Logged: 0.23 GiB on 16 GB, 0.52 on 80 GB, 1.53 on each of two 140 GB cards, which map each other's memory.
    """
    maps_others = gpus > 1 and total_gib >= PEERS_FROM_GIB
    return 0.2 + (0.0095 if maps_others else 0.004) * total_gib


def capture_sizes(largest: int) -> int:
    """How many batch sizes are captured up to `largest`: 1, 2, 4, then every 8 to 256, then every 16."""
    sizes = (1, 2, 4, *range(8, 257, 8), *range(272, 513, 16))
    return max(len([size for size in sizes if size <= largest]), 1)


def _dense_rows(architecture: Architecture, load: Load) -> float:
    if architecture.is_encoder:
        return 4 * architecture.hidden_size + 2 * architecture.intermediate_size
    width = architecture.intermediate_size / load.ranks
    rows = PACKED_FEED_FORWARD_ROWS if load.packs_activations else FEED_FORWARD_ROWS
    norms = 2 if architecture.family in SANDWICHED else 1
    return norms * HIDDEN_ROWS * architecture.hidden_size + rows * width


def _mixture_rows(architecture: Architecture, ranks: int) -> float:
    """Each token goes through k experts (three widths and one hidden row each) beside the shared ones.

    1.66 GiB logged for DeepSeek-V2-Lite on 0.25.1, 1.66 by this.
    """
    if not architecture.expert_count:
        return 0.0
    hidden = architecture.hidden_size
    routed = architecture.experts_per_token * (3 * architecture.expert_intermediate_size / ranks + hidden)
    return routed + 3 * architecture.shared_intermediate_size / ranks + 4 * hidden
