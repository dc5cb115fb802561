"""Whether a model fits the card, and how large it is: the sizing wing's answer, or a guess for an unknown model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.emulator.engine_command import EngineCommand

if TYPE_CHECKING:
    from cloudgpu.sizing.memory import MemoryEstimate
    from cloudgpu.sizing.models import ModelSpec

_UNKNOWN_SIZE_GB = 8.0
_UNKNOWN_CONTEXT = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What the engine will find. `refusal` is the engine's own sentence, None when it starts; `note`: what is guessed."""

    download_gb: float
    weights_gib: float
    kv_cache_gib: float
    kv_cache_tokens: int
    max_model_len: int
    refusal: str | None
    note: str | None


def fit(command: EngineCommand, gpu_name: str, gpu_ram_mib: int, gpu_count: int) -> Fit:
    """The memory budget of the command on `gpu_count` cards. Never raises: what is unknown is guessed, with a note."""
    if command.tensor_parallel * command.pipeline_parallel > gpu_count:
        return _guess(command, refusal=_TOO_FEW_GPUS)
    try:
        return _known_fit(command, gpu_name, gpu_ram_mib)
    except (CloudgpuError, ImportError, AttributeError, TypeError, ValueError) as error:
        return _guess(command, note=f"the emulator cannot size this model and lets it start: {error}")


_TOO_FEW_GPUS = "ValueError: World size is larger than the number of available GPUs in this node."


def _known_fit(command: EngineCommand, gpu_name: str, gpu_ram_mib: int) -> Fit:
    # Imported here: sizing reads its catalogue, which a server that only answers searches never needs.
    from cloudgpu.sizing.gpus import match_gpu
    from cloudgpu.sizing.memory import estimate, layout_error
    from cloudgpu.sizing.options import ServingOptions

    model, repo_quantization = _model(command.model)
    download_gb = model.checkpoint(repo_quantization).download_gb
    gpu = match_gpu(gpu_name, gpu_ram_mib)
    if gpu is None:
        return _guess(command, note=f"the emulator cannot size {gpu_name} and lets it start", download_gb=download_gb)
    layout = layout_error(model, command.tensor_parallel, command.pipeline_parallel)
    if layout is not None:
        return _guess(command, refusal=layout, download_gb=download_gb)
    options = ServingOptions(
        context_tokens=command.max_model_len or model.max_context,
        concurrency=1,
        quantization=command.quantization or repo_quantization,
        dtype=command.dtype,
        kv_cache_dtype=command.kv_cache_dtype,
        **({"engine_version": command.version} if command.version else {}),
        gpu_memory_utilization=command.gpu_memory_utilization,
        max_num_seqs=command.max_num_seqs,
        max_num_batched_tokens=command.max_num_batched_tokens,
        tensor_parallel=command.tensor_parallel,
        pipeline_parallel=command.pipeline_parallel,
        enforce_eager=command.enforce_eager,
        lora_rank=command.max_lora_rank,
        max_loras=command.max_loras,
    )
    return _from_estimate(estimate(model, gpu, options), download_gb, command.max_model_len or model.max_context)


def _model(repo_id: str) -> "tuple[ModelSpec, str | None]":
    from cloudgpu.sizing.models import all_models, resolve_model

    for model in all_models():
        for quantization in ("awq", "gptq", "fp8"):
            if _published(model, quantization) == repo_id and model.model_id != repo_id:
                return model, quantization
    return resolve_model(repo_id), None


def _published(model: "ModelSpec", quantization: str) -> str | None:
    try:
        checkpoint = model.checkpoint(quantization)
    except CloudgpuError:
        return None
    return None if checkpoint.online else checkpoint.repo_id


def _from_estimate(found: "MemoryEstimate", download_gb: float, max_model_len: int) -> Fit:
    return Fit(
        download_gb=download_gb,
        weights_gib=float(found.weights_gib),
        kv_cache_gib=max(0.0, float(found.kv_cache_gib)),
        kv_cache_tokens=max(0, int(found.kv_cache_tokens)),
        max_model_len=max_model_len,
        refusal=None if found.starts else found.refusal_text or "ValueError: the model does not fit",
        note=None,
    )


def _guess(
    command: EngineCommand,
    *,
    refusal: str | None = None,
    note: str | None = None,
    download_gb: float = _UNKNOWN_SIZE_GB,
) -> Fit:
    return Fit(
        download_gb=download_gb,
        weights_gib=download_gb / 1.074 / max(1, command.tensor_parallel),
        kv_cache_gib=4.0,
        kv_cache_tokens=32_768,
        max_model_len=command.max_model_len or _UNKNOWN_CONTEXT,
        refusal=refusal,
        note=note,
    )
