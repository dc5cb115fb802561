"""The estimate: weights, overhead and cache put together into a budget and a verdict."""

from dataclasses import replace

from cloudgpu.base.errors import UsageError
from cloudgpu.base.units import GIB, gib_from_bytes
from cloudgpu.sizing.engines import EngineProfile, sglang, vllm
from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.memory.adapters import adapter_bytes, check_rank
from cloudgpu.sizing.memory.cache import cache_pool, kept_groups, token_bytes, with_speculation
from cloudgpu.sizing.memory.flags import Settled, capability_notes, engine_flags
from cloudgpu.sizing.memory.layout import layout_error
from cloudgpu.sizing.memory.load import Load
from cloudgpu.sizing.memory.overhead import (
    activation_peak_gib,
    cuda_context_gib,
    cuda_graph_band_gib,
    cuda_graph_gib,
    graphs_inside_budget,
    image_gib_left_out,
    non_torch_gib,
)
from cloudgpu.sizing.memory.refusal import Budget, refusal_of
from cloudgpu.sizing.memory.result import GRAPH_BAND_GIB, MemoryEstimate, Refusal
from cloudgpu.sizing.memory.stored_weights import reconciled_bytes
from cloudgpu.sizing.memory.stretch import yarn_factor
from cloudgpu.sizing.memory.vision import deepstack_buffer_bytes
from cloudgpu.sizing.memory.weights import WeightRules, weights_bytes
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.options import ServingOptions

PLAIN_WEIGHTS_BAND, QUANTISED_WEIGHTS_BAND = 0.005, 0.02
"""Seen error of the weights: within 0.4 % in 16 bit, 1.7 % quantised."""
UNKNOWN_WEIGHTS_BAND, GUESSED_WEIGHTS_BAND = 0.1, 0.05
"""A family never counted; a model known by its name alone."""
FEW_SEQUENCES = 32
"""With so many at once 11 of the 51 sizes are captured, and a 24 GB card is still kept busy."""
WELL_COVERED_BAND_GIB, OTHER_BAND_GIB = 0.5, 1.0
"""Seen error of everything else: plain text models on one GPU; what few logs cover, splits and the other kinds."""


def estimate(model: ModelSpec, gpu: GpuSpec, options: ServingOptions) -> MemoryEstimate:
    """What one GPU of the split holds, and whether the engine starts. Touches neither network nor disk.

    Raises UsageError when the split or the quantisation is impossible or the engine is not one we can estimate. Sources
    of the formulas stand with each component; the starts they were checked on in tests/accuracy/memory.jsonl.
    """
    profile = options.profile()
    if profile.name == vllm.NAME:
        return _Estimation(model, gpu, options).result()
    served = _quantization(model, options, profile)
    if profile.name == sglang.NAME:
        _check_layout(model, options, served)
    from cloudgpu.sizing.memory.unpooled import estimate_unpooled  # the engines that few ask for stay out of start-up

    return estimate_unpooled(model, gpu, options, profile, served)


class _Estimation:
    """One estimate in the making."""

    def __init__(self, model: ModelSpec, gpu: GpuSpec, options: ServingOptions) -> None:
        self.model, self.gpu, self.options = model, gpu, options
        self.architecture = model.architecture
        self.profile: EngineProfile = options.profile()
        self.quantization = _quantization(model, options, self.profile)
        self.context = options.context_for(model.max_context)
        self.yarn_factor = yarn_factor(self.architecture, options, self.context)
        self.plain_bytes = 4 if options.dtype == "float32" else 2
        self.ranks, self.stages = options.tensor_parallel, options.pipeline_parallel
        self.tokens = options.max_num_batched_tokens or self.profile.max_num_batched_tokens(gpu)
        self.sequences = options.max_num_seqs or min(self.profile.max_num_seqs(gpu), self.tokens)
        self.utilization = options.gpu_memory_utilization or self.profile.gpu_memory_utilization
        _check_layout(model, options, self.quantization)
        check_rank(options.lora_rank)
        self._size_workspace()

    def _size_workspace(self) -> None:
        architecture, profile = self.architecture, self.profile
        self.load = self._load()
        self.activation_gib = activation_peak_gib(architecture, profile, self.load)
        self.other_gib = non_torch_gib(self.ranks * self.stages, self.gpu)
        self.graph_gib = cuda_graph_gib(
            architecture, profile, self.sequences, eager=self.options.enforce_eager, card=self.gpu
        )
        self.graph_band_gib = cuda_graph_band_gib(self.graph_gib, architecture.layers, self.ranks, self.gpu)
        self.graphs_inside = graphs_inside_budget(architecture, profile)
        self.kv_bytes = 1 if self.options.kv_cache_dtype.startswith("fp8") else self.plain_bytes
        in_flight = profile.batches_in_flight * self.tokens
        groups = kept_groups(
            with_speculation(architecture, self.options.speculative_tokens),
            pools_by_kind=profile.pools_by_kind,
            frees_chunks=profile.frees_chunks,
        )
        self.kept = replace(architecture, layer_groups=groups)
        self.pool = cache_pool(self.kept, self.kv_bytes, in_flight, self.ranks, self.stages)

    def _load(self) -> Load:
        return Load(
            tokens=self.tokens,
            sequences=self.sequences,
            context=self.context,
            ranks=self.ranks,
            element_bytes=self.plain_bytes,
            packs_activations=self.quantization in {"fp8", "fp8-channel"},
            grouped_kernels=self.quantization == "mxfp4",
            image_limit=self.options.image_limit,
            max_pixels=self.options.max_pixels,
        )

    def result(self) -> MemoryEstimate:
        budget = self._budget()
        refused = refusal_of(budget)
        hardware = self.profile.hardware_error(
            self.gpu, self.quantization, self.options.dtype, self.options.kv_cache_dtype
        )
        available = max(budget.kv_cache_gib, 0.0) * GIB
        return MemoryEstimate(
            model=self.model.model_id,
            engine=self.profile.name,
            engine_version=self.profile.version,
            gpu=self.gpu.name,
            quantization=self.quantization,
            context_tokens=self.context,
            total_gib=self.gpu.total_gib,
            requested_gib=budget.requested_gib,
            tensor_parallel=self.ranks,
            pipeline_parallel=self.stages,
            weights_gib=budget.weights_gib,
            activation_peak_gib=self.activation_gib,
            non_torch_gib=self.other_gib,
            cuda_graph_gib=self.graph_gib,
            cuda_graph_band_gib=self.graph_band_gib,
            cuda_graph_inside_budget=self.graphs_inside,
            cuda_context_gib=budget.context_gib,
            kv_cache_gib=budget.kv_cache_gib,
            kv_cache_tokens=self.pool.tokens(available, self.context) if self.pool else 0,
            kv_bytes_per_token=token_bytes(self.kept, self.kv_bytes, self.ranks),
            kv_needed_gib=budget.kv_needed_gib,
            starts=refused is None and hardware is None,
            refusal=refused[0] if refused else None,
            refusal_text=refused[1] if refused else hardware,
            longest_context=budget.longest_context,
            sequences_at_context=self._sequences(available),
            error_band_gib=self._band_gib(budget.weights_gib),
            weights_source=self.model.weights_source,
            hardware_error=hardware,
            capability_notes=self._notes(budget),
            flags=self._flags(budget, refused[0] if refused else None),
        )

    def _settled(self, budget: Budget) -> Settled:
        return Settled(
            context=self.context,
            utilization=budget.utilization,
            yarn_factor=self.yarn_factor,
            quantization=self.quantization,
        )

    def _notes(self, budget: Budget) -> tuple[str, ...]:
        notes = list(capability_notes(self.model, self.gpu, self.options, self.profile, self._settled(budget)))
        images_gib = image_gib_left_out(self.architecture, self.profile, self.load)
        if images_gib:
            notes.append(
                f"this release counts no images: the largest one takes {images_gib:.1f} GiB more when it comes"
            )
        if self.graph_band_gib > GRAPH_BAND_GIB and not self.graphs_inside:
            notes.append(
                "between cards that do not reach each other's memory CUDA graphs took up to 1.8 times this estimate: "
                f"--max-num-seqs {FEW_SEQUENCES} captures few of them"
            )
        return tuple(notes)

    def _flags(self, budget: Budget, refusal: Refusal | None) -> tuple[str, ...]:
        """Of this start when it works, else of the longest context that does; none when no context does."""
        settled = self._settled(budget)
        if refusal is not None:
            settled = _nearest(settled, budget)
        if settled.context == 0:
            return ()
        return engine_flags(self.model, self.options, settled)

    def _budget(self) -> Budget:
        requested_gib = self.gpu.total_gib * self.utilization
        weights_gib = self._weights_gib()
        graphs_gib = self.graph_gib if self.graphs_inside else 0.0
        kv_gib = requested_gib - weights_gib - self.activation_gib - self.other_gib - graphs_gib
        return Budget(
            total_gib=self.gpu.total_gib,
            requested_gib=requested_gib,
            utilization=self.utilization,
            weights_gib=weights_gib,
            kv_cache_gib=kv_gib,
            kv_needed_gib=gib_from_bytes(self.pool.needed_bytes(self.context)) if self.pool else 0.0,
            context_gib=cuda_context_gib(self.gpu.total_gib, self.ranks * self.stages),
            outside_gib=self.graph_gib - graphs_gib,
            outside_band_gib=self.graph_band_gib,
            activation_gib=self.activation_gib,
            max_model_len=self.context,
            longest_context=self._longest(kv_gib),
            keeps_cache=self.pool is not None,
        )

    def _weights_gib(self) -> float:
        stored = self.model.stored_as(self.quantization)
        if stored is None:
            weights = self._weights_by_config(self.ranks, self.stages)
        else:
            split = self.ranks, self.stages
            weights = reconciled_bytes(stored, self.architecture, self.plain_bytes, self._weights_by_config, *split)
        adapters = adapter_bytes(self.architecture, self.options.lora_rank, self.options.max_loras, self.ranks)
        return gib_from_bytes(weights + adapters / self.stages + deepstack_buffer_bytes(self.architecture, self.load))

    def _weights_by_config(self, ranks: int, stages: int) -> float:
        rules = replace(self._weight_rules(), ranks=ranks, stages=stages)
        return weights_bytes(self.architecture, rules, self.profile)

    def _weight_rules(self) -> WeightRules:
        served = self.quantization
        own = served is not None and served == self.model.quantization
        group = self.model.group_size if own else None
        return WeightRules(
            storage=self.profile.storage(served, self.gpu, group) if served else None,
            quantization=served,
            plain_bytes=self.plain_bytes,
            kept=self.model.kept_modules if own else (),
            ranks=self.ranks,
            stages=self.stages,
            expert_parallel=self.options.expert_parallel,
            yarn_factor=self.yarn_factor,
            speculates=self.options.speculative_tokens is not None,
        )

    def _longest(self, kv_gib: float) -> int:
        if self.pool is None:
            return self.model.max_context
        return self.pool.longest(max(kv_gib, 0.0) * GIB, max(self.model.max_context, self.context))

    def _sequences(self, available_bytes: float) -> float:
        """Two decimals, rounded down; an encoder takes as many as one batch holds."""
        if self.pool is None:
            return float(max(min(self.sequences, self.tokens // self.context), 1))
        return int(self.pool.sequences(available_bytes, self.context) * 100) / 100

    def _band_gib(self, weights_gib: float) -> float:
        share = QUANTISED_WEIGHTS_BAND if self.quantization else PLAIN_WEIGHTS_BAND
        share = GUESSED_WEIGHTS_BAND if self.model.notes and not self.model.stored else share
        alone = self.ranks * self.stages == 1 and self.gpu.has_cuda
        well_covered = alone and self.architecture.is_plain_text
        known = share * weights_gib + (WELL_COVERED_BAND_GIB if well_covered else OTHER_BAND_GIB)
        return known if self.architecture.is_exact else known + self._guessed_gib(weights_gib)

    def _guessed_gib(self, weights_gib: float) -> float:
        """An unknown family: its workspace and its cache may be twice what a Llama takes, its weights 10 % off."""
        cache_gib = gib_from_bytes(self.pool.needed_bytes(self.context)) if self.pool else 0.0
        weights_guess_gib = 0.0 if self.model.stored else UNKNOWN_WEIGHTS_BAND * weights_gib
        return self.activation_gib + cache_gib + weights_guess_gib


def _quantization(model: ModelSpec, options: ServingOptions, profile: EngineProfile) -> str | None:
    wanted = model.asked_format(options.quantization) or model.quantization
    if wanted is not None and wanted not in profile.quantizations:
        raise UsageError(
            f"{profile.name} {profile.version} has no {wanted}",
            hint="use " + ", ".join(sorted(profile.quantizations)) + ", or an older release",
        )
    return wanted


def _nearest(settled: Settled, budget: Budget) -> Settled:
    """What would start: the longest context that the cache holds, else a share that leaves the graphs their room."""
    if budget.longest_context < settled.context:
        return replace(settled, context=budget.longest_context)
    outside = budget.outside_gib + budget.context_gib
    return replace(settled, utilization=max(int(100 * (1 - outside / budget.total_gib)), 1) / 100)


def _check_layout(model: ModelSpec, options: ServingOptions, quantization: str | None) -> None:
    error = layout_error(model, options.tensor_parallel, options.pipeline_parallel, quantization)
    if error is not None:
        raise UsageError(f"{model.model_id} cannot be split that way: {error}", hint="try another --tensor-parallel")
