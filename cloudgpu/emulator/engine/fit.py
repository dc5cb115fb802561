"""Whether a model fits the card, and how large it is: the sizing wing's answer, or a guess for an unknown model."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.emulator.engine.command import EngineCommand

if TYPE_CHECKING:
    from cloudgpu.sizing.gpus import GpuSpec
    from cloudgpu.sizing.model import ModelSpec
    from cloudgpu.sizing.options import ServingOptions

_UNKNOWN_SIZE_GB = 8.0
_UNKNOWN_CONTEXT = 8192
_GIB_PER_GB = 0.9313


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The GPUs of an instance, as the market names them."""

    gpu_name: str
    gpu_ram_mib: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What the engine will find. `refusal` is its own sentence, None when it starts; `note`: what is guessed.

    `refused_before_load`: the engine says so from the configuration, before it fetches or loads any weights.
    """

    download_gb: float
    weights_gib: float
    kv_cache_gib: float
    kv_cache_tokens: int
    max_model_len: int
    refusal: str | None = None
    refused_before_load: bool = False
    note: str | None = None


def fit(command: EngineCommand, card: Card) -> Fit:
    """The memory budget of the command on the card. Never raises: what is unknown is guessed, with a note."""
    early = _refused_at_once(command, card)
    if early is not None:
        return replace(_guess(command), refusal=early, refused_before_load=True)
    # Imported here: sizing reads its catalogue, which a server that only answers searches never needs.
    from cloudgpu.sizing.models import resolve_model

    try:
        return _known_fit(command, card, resolve_model(command.model))
    except (CloudgpuError, ValueError, TypeError, AttributeError) as error:  # the last two: an override of odd values
        return replace(_guess(command), note=f"the emulator cannot size this and lets it start: {error}")


def min_cuda(version: str) -> tuple[int, int]:
    """The CUDA version that the host's driver must support for this release of the image; (0, 0) when unknown."""
    from cloudgpu.sizing.engines import engine_profile

    try:
        major, _, minor = engine_profile("vllm", version or None).min_cuda.partition(".")
    except CloudgpuError:
        return 0, 0
    return int(major), int(minor or 0)


def _refused_at_once(command: EngineCommand, card: Card) -> str | None:
    if "/" not in command.model:
        return (
            f"OSError: {command.model} is not a local folder and is not a valid model identifier listed on "
            "'https://huggingface.co/models'"
        )
    if command.tensor_parallel * command.pipeline_parallel > card.count:
        world = command.tensor_parallel * command.pipeline_parallel
        return f"ValueError: World size ({world}) is larger than the number of available GPUs ({card.count})."
    return None


def _known_fit(command: EngineCommand, card: Card, model: "ModelSpec") -> Fit:
    from cloudgpu.sizing.gpus import match_gpu
    from cloudgpu.sizing.memory import estimate, layout_error

    context = command.max_model_len or model.max_context
    download_gb = model.checkpoint().download_gb
    known = replace(_guess(command), download_gb=download_gb, max_model_len=context)
    gpu = match_gpu(card.gpu_name, card.gpu_ram_mib)
    if gpu is None:
        return replace(known, note=f"the emulator cannot size {card.gpu_name} and lets it start")
    wrong = (
        _too_long(command, model)
        or layout_error(model, command.tensor_parallel, command.pipeline_parallel)
        or _unfit(command, model, gpu)
    )
    if wrong is not None:
        return replace(known, refusal=f"ValueError: {wrong}", refused_before_load=True)
    found = estimate(model, gpu, _options(command, model, context))
    return replace(
        known,
        weights_gib=found.weights_gib,
        kv_cache_gib=max(0.0, found.kv_cache_gib),
        kv_cache_tokens=max(0, found.kv_cache_tokens),
        refusal=None if found.starts else found.refusal_text or "ValueError: the model does not fit",
    )


def _too_long(command: EngineCommand, model: "ModelSpec") -> str | None:
    asked, reach = command.max_model_len, _reach(command, model)
    if asked is None or asked <= reach:
        return None
    return (
        f"User-specified max_model_len ({asked}) is greater than the derived max_model_len "
        f"(max_position_embeddings={reach} or model_max_length=None in model's config.json)."
    )


def _reach(command: EngineCommand, model: "ModelSpec") -> int:
    """The positions that the config with its overrides has, as the release derives them."""
    from cloudgpu.sizing.memory.rope_override import LENGTH_SINCE

    config = _overrides(command, model)
    own = config.get("max_position_embeddings", model.max_context)
    yarn = _yarn(command, model)
    if not yarn or _release(command) >= LENGTH_SINCE:
        return int(own)
    return int(int(yarn.get("original_max_position_embeddings", own)) * float(yarn.get("factor", 1)))


def _yarn(command: EngineCommand, model: "ModelSpec") -> Mapping[str, Any]:
    """The YaRN parameters of the override, under a name that the release reads; empty without any."""
    from cloudgpu.sizing.memory.rope_override import names_read

    config = _overrides(command, model)
    found: Mapping[str, Any] = next(
        (config[name] for name in names_read(_release(command)) if isinstance(config.get(name), dict)), {}
    )
    return found if found.get("rope_type", found.get("type")) == "yarn" else {}


def _overrides(command: EngineCommand, model: "ModelSpec") -> Mapping[str, Any]:
    """What is laid over the text model's config: a multimodal one keeps it in a part of its own."""
    found = command.hf_overrides
    return found.get("text_config", {}) if model.architecture.has_vision else found


def _release(command: EngineCommand) -> tuple[int, int]:
    from cloudgpu.sizing.engines import engine_profile

    return engine_profile("vllm", command.version or None).release


def _unfit(command: EngineCommand, model: "ModelSpec", gpu: "GpuSpec") -> str | None:
    from cloudgpu.sizing.engines import engine_profile

    profile = engine_profile("vllm", command.version or None)
    return profile.hardware_error(gpu, model.quantization or command.quantization, command.dtype)


def _options(command: EngineCommand, model: "ModelSpec", context: int) -> "ServingOptions":
    from cloudgpu.sizing.options import ServingOptions

    options = ServingOptions(
        context_tokens=context,
        quantization=None if model.quantization else command.quantization,
        dtype=command.dtype,
        kv_cache_dtype=command.kv_cache_dtype,
        gpu_memory_utilization=command.gpu_memory_utilization,
        max_num_seqs=command.max_num_seqs,
        max_num_batched_tokens=command.max_num_batched_tokens,
        tensor_parallel=command.tensor_parallel,
        pipeline_parallel=command.pipeline_parallel,
        enforce_eager=command.enforce_eager,
        lora_rank=command.max_lora_rank,
        max_loras=command.max_loras,
        rope_scaling_factor=_yarn(command, model).get("factor"),
    )
    return replace(options, engine_version=command.version) if command.version else options


def _guess(command: EngineCommand) -> Fit:
    return Fit(
        download_gb=_UNKNOWN_SIZE_GB,
        weights_gib=_UNKNOWN_SIZE_GB * _GIB_PER_GB / max(1, command.tensor_parallel),
        kv_cache_gib=4.0,
        kv_cache_tokens=32_768,
        max_model_len=command.max_model_len or _UNKNOWN_CONTEXT,
    )
