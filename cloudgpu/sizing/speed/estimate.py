"""The speed of a model on a card under an engine, from the work of a step and few constants."""

from math import ceil

from cloudgpu.base.units import GIB
from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.memory.result import MemoryEstimate
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.options import ServingOptions
from cloudgpu.sizing.speed.card import UNMEASURED, CardSpeed, Measured, card_speed
from cloudgpu.sizing.speed.constants import SpeedConstants, speed_constants
from cloudgpu.sizing.speed.decode import fixed_s, prompt_s, tpot_s, weights_s
from cloudgpu.sizing.speed.formats import format_speed
from cloudgpu.sizing.speed.loads import Split, loads_of, prompt_loads, sequence_bytes
from cloudgpu.sizing.speed.result import SpeedEstimate
from cloudgpu.sizing.speed.workload import Workload

CHUNK_TOKENS = 8192
"""A longer prompt is multiplied in chunks of about so many tokens, a step each."""


def estimate_speed(
    model: ModelSpec,
    gpu: GpuSpec,
    options: ServingOptions,
    workload: Workload,
    memory: MemoryEstimate,
    measured: Measured = UNMEASURED,
) -> SpeedEstimate | None:
    """The speed of the whole group of GPUs under that load. Touches neither network nor disk.

    `memory` is the estimate of the same model, card and options: what does not start has no speed, and requests beyond
    what its cache holds wait. `measured` is what an offer tells of its machine, beside the catalogue's figures. None
    for encoders, engines whose speed nobody measured for us, and cards whose bandwidth or tensor operations nobody
    publishes. Source of the formulas: `loads`, of the constants: `constants`; how far they are off:
    docs/accuracy.md.
    """
    card, constants = card_speed(gpu, measured), speed_constants(memory.engine)
    runs = memory.starts and memory.hardware_error is None and not model.is_encoder
    if card is None or constants is None or not runs:
        return None
    split = split_of(model, options, memory.quantization)
    running = running_requests(split, options, gpu, workload, memory)
    loads = loads_of(split, card, workload, running)
    step = tpot_s(loads, constants, eager=options.enforce_eager, switched=card.has_switch)
    prefill = _prefill_s(split, card, workload, constants)
    life_s = prefill + max(workload.output_tokens - 1, 1) * step
    return SpeedEstimate(
        concurrency=workload.concurrency,
        prompt_tokens=workload.prompt_tokens,
        output_tokens=workload.output_tokens,
        prefill_ms=prefill * 1000,
        tpot_ms=step * 1000,
        output_tokens_per_s=running * workload.output_tokens / life_s,
        error_band_percent=_band_percent(model, gpu, options, card, memory),
        running=running,
    )


def split_of(model: ModelSpec, options: ServingOptions, quantization: str | None) -> Split:
    """The model as these options serve it; `quantization` is our word for its format, None for 16 or 32 bit."""
    plain_bytes = 4 if options.dtype == "float32" else 2
    return Split(
        architecture=model.architecture,
        format=format_speed(quantization, plain_bytes),
        cache_bytes=1 if options.kv_cache_dtype.startswith("fp8") else plain_bytes,
        ranks=options.tensor_parallel,
        stages=options.pipeline_parallel,
        has_adapter=options.lora_rank is not None,
    )


def running_requests(
    split: Split, options: ServingOptions, gpu: GpuSpec, workload: Workload, memory: MemoryEstimate
) -> float:
    """Requests that run at once, on the average: as many as asked, unless the engine or its cache takes fewer."""
    most = options.max_num_seqs or options.profile().max_num_seqs(gpu)
    one = sequence_bytes(split, workload.mean_tokens) / split.stages
    held = max(memory.kv_cache_gib, 0.0) * GIB / one if one else float(most)
    return max(min(float(workload.concurrency), float(most), held), 1.0)


def _prefill_s(split: Split, card: CardSpeed, workload: Workload, constants: SpeedConstants) -> float:
    """One prompt alone: multiplied, or the weights read if that takes longer, in as many steps as it has chunks."""
    loads = prompt_loads(split, card, workload)
    chunks = ceil(workload.prompt_tokens / CHUNK_TOKENS)
    padding = loads.tile_row_s * constants.tile_rows
    return (
        max(prompt_s(loads, constants), weights_s(loads, constants))
        + padding
        + chunks * fixed_s(loads, constants, switched=card.has_switch)
    )


HOPPER_BAND, OTHER_CARD_BAND, UNMEASURED_BAND = 25, 40, 60
"""Percent. Four of five measured rows stay within 25 % on the cards of the fit, with their model family left out of it,
and within 32 % on B200, to which nothing was fitted; other cards have a few public reports only. The last is a guess,
for formats, links, families and makers without a row."""


def _band_percent(
    model: ModelSpec, gpu: GpuSpec, options: ServingOptions, card: CardSpeed, memory: MemoryEstimate
) -> int:
    links_unmeasured = options.tensor_parallel > 1 and not card.has_switch
    format_measured = format_speed(memory.quantization, 2).is_measured
    as_measured = format_measured and model.architecture.is_exact and gpu.vendor == "NVIDIA"
    if links_unmeasured or options.enforce_eager or not as_measured:
        return UNMEASURED_BAND
    return HOPPER_BAND if gpu.compute_capability == "9.0" else OTHER_CARD_BAND
