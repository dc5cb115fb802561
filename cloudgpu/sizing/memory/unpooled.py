"""Engines without vLLM's pool: SGLang's static share, and those that take what they need (transformers, llama.cpp)."""

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from cloudgpu.base.units import GIB, gib_from_bytes
from cloudgpu.sizing.engines import EngineProfile, llamacpp, sglang, transformers
from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.memory.adapters import adapter_bytes
from cloudgpu.sizing.memory.cache import token_bytes
from cloudgpu.sizing.memory.overhead import cuda_context_gib
from cloudgpu.sizing.memory.result import MemoryEstimate, Refusal
from cloudgpu.sizing.memory.rope_override import rope_override
from cloudgpu.sizing.memory.stored_weights import reconciled_bytes
from cloudgpu.sizing.memory.stretch import yarn_factor
from cloudgpu.sizing.memory.weights import WeightRules, weights_bytes
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.number_formats import GGUF_BITS, STORAGES
from cloudgpu.sizing.options import ServingOptions
from cloudgpu.sizing.shape import Architecture, LayerKind

if TYPE_CHECKING:
    from cloudgpu.sizing.stored import StoredWeights

BAND_SHARE, BAND_GIB = 0.03, 1.0
"""Few logs cover these engines: seen errors of the cache are up to 0.3 GiB where the share was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One GPU's figures before the cache, in GiB. `usable_gib` is what weights, activations and cache share."""

    usable_gib: float
    weights_gib: float
    activation_gib: float
    other_gib: float
    context_gib: float

    @property
    def cache_gib(self) -> float:
        """What is left for the cache; negative when the weights do not fit."""
        return self.usable_gib - self.weights_gib - self.activation_gib - self.other_gib

    @property
    def available_bytes(self) -> float:
        """The same in bytes, 0 when the weights do not fit."""
        return max(self.cache_gib, 0.0) * GIB


def estimate_unpooled(
    model: ModelSpec, gpu: GpuSpec, options: ServingOptions, profile: EngineProfile, quantization: str | None
) -> MemoryEstimate:
    """The estimate for an engine other than vLLM; `quantization` is what is served.

    Raises UsageError for a context to which SGLang cannot stretch the model.
    """
    context = options.context_for(model.max_context)
    room = _room(model, gpu, options, profile, quantization, context)
    each = sequence_bytes(model.architecture, context, options)
    needed_gib = gib_from_bytes(each)
    refusal = _refusal(room, needed_gib, profile)
    hardware = profile.hardware_error(gpu, None, options.dtype)
    per_token = token_bytes(model.architecture, _kv_bytes(options), _ranks(options, profile))
    return MemoryEstimate(
        model=model.model_id,
        engine=profile.name,
        engine_version=profile.version,
        gpu=gpu.name,
        quantization=quantization,
        context_tokens=context,
        total_gib=gpu.total_gib,
        requested_gib=room.usable_gib,
        tensor_parallel=options.tensor_parallel,
        pipeline_parallel=options.pipeline_parallel,
        weights_gib=room.weights_gib,
        activation_peak_gib=room.activation_gib,
        non_torch_gib=room.other_gib,
        cuda_graph_gib=0.0,
        cuda_graph_band_gib=0.0,
        cuda_graph_inside_budget=True,
        cuda_context_gib=room.context_gib,
        kv_cache_gib=room.cache_gib,
        kv_cache_tokens=int(room.available_bytes // per_token) if per_token else 0,
        kv_bytes_per_token=per_token,
        kv_needed_gib=needed_gib,
        starts=refusal is None and hardware is None,
        refusal=refusal,
        refusal_text=_words(profile, room, gpu) if refusal else hardware,
        longest_context=_longest(model, gpu, options, profile, quantization, context),
        sequences_at_context=int(100 * room.available_bytes / each) / 100 if each else float(options.concurrency),
        error_band_gib=BAND_SHARE * room.weights_gib + BAND_GIB,
        weights_source=model.weights_source,
        hardware_error=hardware,
        capability_notes=(*model.notes, *_notes(profile, quantization, room, needed_gib, model.stored)),
        flags=_flags(model, profile, options, context) if refusal is None else (),
    )


def sequence_bytes(architecture: Architecture, tokens: int, options: ServingOptions) -> float:
    """Cache of one sequence on one GPU: windows are bounded, recurrent layers keep their state, encoders nothing."""
    ranks = options.tensor_parallel if options.engine == sglang.NAME else 1
    spread = 1 if ranks > 1 else max(options.tensor_parallel * options.pipeline_parallel, 1)
    total = 0.0
    for group in architecture.layer_groups:
        kept = tokens if group.grows else min(tokens, (group.window or tokens) + llamacpp.UBATCH)
        heads = 1 if group.kind is LayerKind.LATENT else max(ceil(group.kv_heads / ranks), 1)
        total += group.layers * (
            kept * heads * group.elements_per_head * _kv_bytes(options) + group.state_bytes / ranks
        )
    return total / spread


def _room(
    model: ModelSpec,
    gpu: GpuSpec,
    options: ServingOptions,
    profile: EngineProfile,
    quantization: str | None,
    context: int,
) -> Room:
    gpus = options.tensor_parallel * options.pipeline_parallel
    context_gib = cuda_context_gib(gpu.total_gib, 1)
    room = Room(
        usable_gib=(gpu.total_gib - context_gib) * (options.gpu_memory_utilization or 1.0),
        weights_gib=_weights_gib(model, options, profile, quantization),
        activation_gib=0.0,
        other_gib=0.0,
        context_gib=context_gib,
    )
    if profile.name == sglang.NAME:
        return replace(room, usable_gib=(gpu.total_gib - context_gib) * _share(model.architecture, gpu, options, gpus))
    if profile.name == llamacpp.NAME:
        buffer_gib = _compute_buffer_gib(model.architecture, context, flash=options.flash_attention)
        return replace(room, activation_gib=buffer_gib)
    forward = _forward_gib(model.architecture, context, options)
    return replace(room, activation_gib=forward, other_gib=transformers.WORKSPACE_GIB)


def _share(architecture: Architecture, gpu: GpuSpec, options: ServingOptions, gpus: int) -> float:
    if options.gpu_memory_utilization is not None:
        return options.gpu_memory_utilization
    latent = any(group.kind is LayerKind.LATENT for group in architecture.layer_groups)
    return sglang.static_share(gpu, gpus, has_latent=latent, has_vision=architecture.has_vision)


def _weights_gib(model: ModelSpec, options: ServingOptions, profile: EngineProfile, quantization: str | None) -> float:
    """Tensor parallelism cuts matrices in SGLang; the others put whole layers on each card."""
    splits = profile.name == sglang.NAME
    gpus = options.tensor_parallel * options.pipeline_parallel
    rules = WeightRules(
        storage=STORAGES[quantization].with_group(model.group_size) if quantization in STORAGES else None,
        quantization=quantization,
        plain_bytes=4 if options.dtype == "float32" else 2,
        kept=model.kept_modules,
        ranks=options.tensor_parallel if splits else 1,
        stages=options.pipeline_parallel if splits else 1,
        expert_parallel=options.expert_parallel,
    )
    found = _loaded_bytes(model, rules, profile) / (1 if splits else gpus)
    return gib_from_bytes(found + adapter_bytes(model.architecture, options.lora_rank, options.max_loras) / gpus)


def _loaded_bytes(model: ModelSpec, rules: WeightRules, profile: EngineProfile) -> float:
    """What the checkpoint's own headers say where they were read, else what its config implies."""
    stored = model.stored_as(rules.quantization)
    if profile.name == llamacpp.NAME:
        return _gguf_bytes(model.architecture, rules.quantization or "f16") if stored is None else _of_gguf_file(stored)
    if stored is None:
        return weights_bytes(model.architecture, rules, profile)

    def by_config(ranks: int, stages: int) -> float:
        return weights_bytes(model.architecture, replace(rules, ranks=ranks, stages=stages), profile)

    return reconciled_bytes(stored, model.architecture, rules.plain_bytes, by_config, rules.ranks, rules.stages)


def _of_gguf_file(stored: "StoredWeights") -> float:
    """As `_gguf_bytes`, by the header: exact for any mix."""
    in_cpu = stored.embedding.loaded_bytes(2) if stored.head.loaded_bytes(2) else 0
    return float(stored.file_bytes - stored.unused_bytes - in_cpu)


def _gguf_bytes(architecture: Architecture, quantization: str) -> float:
    """The embedding table stays in the CPU's memory, unless it is the output head as well."""
    parameters = architecture.parameters
    on_gpu = parameters.loaded - (parameters.embedding if parameters.head else 0)
    return on_gpu * GGUF_BITS[quantization] / 8


def _compute_buffer_gib(architecture: Architecture, context: int, *, flash: bool) -> float:
    return gib_from_bytes(
        llamacpp.compute_buffer_bytes(
            architecture.hidden_size,
            architecture.vocab_size,
            architecture.intermediate_size,
            architecture.attention_heads,
            context,
            flash=flash,
        )
    )


def _forward_gib(architecture: Architecture, tokens: int, options: ServingOptions) -> float:
    """A whole prompt in one pass, and the last token's logits in 32 bit."""
    width = architecture.intermediate_size or architecture.experts_per_token * architecture.expert_intermediate_size
    rows = transformers.HIDDEN_ROWS * architecture.hidden_size + transformers.FEED_FORWARD_ROWS * width
    element_bytes = 4 if options.dtype == "float32" else 2
    return gib_from_bytes(tokens * rows * element_bytes + 8 * architecture.vocab_size)


def _longest(
    model: ModelSpec,
    gpu: GpuSpec,
    options: ServingOptions,
    profile: EngineProfile,
    quantization: str | None,
    context: int,
) -> int:
    """The longest single sequence: its cache grows, and so does what its prompt takes."""
    low, high = 0, max(model.max_context, context)
    while low < high:
        middle = (low + high + 1) // 2
        room = _room(model, gpu, options, profile, quantization, middle)
        fits = gib_from_bytes(sequence_bytes(model.architecture, middle, options)) <= room.cache_gib
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _refusal(room: Room, needed_gib: float, profile: EngineProfile) -> Refusal | None:
    """SGLang starts with any cache at all and refuses longer requests later; the others need the sequence asked for."""
    if room.weights_gib > room.usable_gib:
        return Refusal.WEIGHTS
    enough = room.cache_gib > 0 if profile.name == sglang.NAME else room.cache_gib >= needed_gib
    return None if enough else Refusal.KV_CACHE


def _words(profile: EngineProfile, room: Room, gpu: GpuSpec) -> str:
    if profile.name == sglang.NAME:
        return "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static."
    if profile.name == llamacpp.NAME:
        return "llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache"
    return (
        f"torch.OutOfMemoryError: CUDA out of memory. GPU 0 has a total capacity of {gpu.total_gib:.2f} GiB; "
        f"{room.weights_gib:.2f} GiB are weights."
    )


def _notes(
    profile: EngineProfile, quantization: str | None, room: Room, needed_gib: float, stored: "StoredWeights | None"
) -> list[str]:
    notes = []
    if profile.name == sglang.NAME:
        notes.append("activations and graphs live in what the static share leaves")
        if 0 < room.cache_gib < needed_gib:
            notes.append("it starts, but requests of the whole context are refused")
    if quantization in GGUF_BITS and stored is None:
        notes.append("the bits of a GGUF mix are an average: the file's own header is exact")
    return notes


def _flags(model: ModelSpec, profile: EngineProfile, options: ServingOptions, context: int) -> tuple[str, ...]:
    share = options.gpu_memory_utilization
    if profile.name == sglang.NAME:
        stretched = rope_override(model, yarn_factor(model.architecture, options, context), profile)
        found = [f"--context-length {context}", f"--tp-size {options.tensor_parallel}"]
        found += [f"--json-model-override-args {stretched}"] if stretched else []
        return (*found, f"--mem-fraction-static {share:g}") if share else tuple(found)
    if profile.name == llamacpp.NAME:
        return (
            f"--ctx-size {context * options.concurrency}",
            "--n-gpu-layers 999",
            f"--parallel {options.concurrency}",
            *(() if options.flash_attention else ("--flash-attn off",)),
        )
    return ()


def _kv_bytes(options: ServingOptions) -> int:
    if options.kv_cache_dtype.startswith("fp8"):
        return 1
    return 4 if options.dtype == "float32" else 2


def _ranks(options: ServingOptions, profile: EngineProfile) -> int:
    return options.tensor_parallel if profile.name == sglang.NAME else 1
