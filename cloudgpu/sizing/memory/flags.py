"""The engine's arguments that make an estimate true, and what of the release and the card a user should know."""

import json
from dataclasses import dataclass

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.engines import EngineProfile
from cloudgpu.sizing.engines.profile import capability
from cloudgpu.sizing.engines.vllm import is_known
from cloudgpu.sizing.engines.vllm_formats import cache_notes, format_notes
from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.memory.adapters import slot_rank
from cloudgpu.sizing.memory.rope_override import rope_override
from cloudgpu.sizing.memory.stretch import rope_theta
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.number_formats import made_on_loading
from cloudgpu.sizing.options import ServingOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What the estimate settled on: context, share of the card, stretch of the positions, format."""

    context: int
    utilization: float
    yarn_factor: float
    quantization: str | None


def engine_flags(model: ModelSpec, options: ServingOptions, settled: Settled) -> tuple[str, ...]:
    """vLLM's arguments, value and name in one, in a fixed order; what is left to the engine's default is left out."""
    pairs = (
        ("--max-model-len", settled.context),
        ("--gpu-memory-utilization", f"{settled.utilization:g}"),
        ("--tensor-parallel-size", options.tensor_parallel if options.tensor_parallel > 1 else None),
        ("--pipeline-parallel-size", options.pipeline_parallel if options.pipeline_parallel > 1 else None),
        ("--max-num-seqs", options.max_num_seqs),
        ("--max-num-batched-tokens", options.max_num_batched_tokens),
        ("--kv-cache-dtype", _unless_auto(options.kv_cache_dtype)),
        ("--dtype", _unless_auto(options.dtype)),
        ("--quantization", settled.quantization if _is_made_on_loading(model, settled, options.engine) else None),
        ("--max-lora-rank", slot_rank(options.lora_rank) if options.lora_rank else None),
        ("--max-loras", options.max_loras if options.lora_rank else None),
        ("--hf-overrides", rope_override(model, settled.yarn_factor, options.profile())),
        ("--limit-mm-per-prompt", _image_limit(model, options)),
        ("--mm-processor-kwargs", json.dumps({"max_pixels": options.max_pixels}) if options.max_pixels else None),
        ("--speculative-config", _speculation(options)),
    )
    switches = (
        ("--enforce-eager", options.enforce_eager),
        ("--enable-lora", options.lora_rank is not None),
        ("--enable-expert-parallel", options.expert_parallel),
    )
    values = tuple(f"{name} {value}" for name, value in pairs if value is not None)
    return values + tuple(name for name, wanted in switches if wanted)


def capability_notes(
    model: ModelSpec, gpu: GpuSpec, options: ServingOptions, profile: EngineProfile, settled: Settled
) -> tuple[str, ...]:
    """Sentences about what release, card and checkpoint make of the request; empty when nothing needs saying."""
    have = capability(gpu.compute_capability) if gpu.compute_capability else None
    notes = list(model.notes)
    if not gpu.has_cuda:
        notes.append(f"no start on a card of {gpu.vendor} was compared: these are the figures of CUDA")
    notes += format_notes(settled.quantization, have)
    notes += cache_notes(options.kv_cache_dtype, settled.quantization, options.dtype, have)
    if not model.architecture.is_exact:
        notes.append(f"the architecture {model.family} is unknown: counted as the nearest form, with a wide band")
    if not is_known(profile.version):
        notes.append(
            f"the rules of {profile.name} {profile.version} are not known: those of the nearest release are used"
        )
    if settled.yarn_factor > 1 and model.architecture.yarn_factor == 1:
        notes.append("the context is reached by YaRN, which is static: it may hurt short texts")
        if rope_theta(model.architecture) is None:
            notes.append("the rope base is not known: add the config's own rope_theta to the override")
    if settled.quantization != model.quantization and not _is_made_on_loading(model, settled, profile.name):
        notes.append(_files_needed(model, settled.quantization, profile.name))
    if options.lora_rank is not None and slot_rank(options.lora_rank) != options.lora_rank:
        notes.append(
            f"slots are reserved at rank {slot_rank(options.lora_rank)}, the next one above {options.lora_rank}"
        )
    return tuple(dict.fromkeys(notes))


def _is_made_on_loading(model: ModelSpec, settled: Settled, engine: str) -> bool:
    return settled.quantization != model.quantization and settled.quantization in made_on_loading(engine)


def _files_needed(model: ModelSpec, quantization: str | None, engine: str) -> str:
    """The engine cannot make the format: the figures are those of other files than the model's own."""
    try:
        found = model.checkpoint(quantization, engine).repo_id
        return f"serve {found}: the engine does not make {quantization} while it loads"
    except UsageError:
        return (
            f"these are the figures of {quantization} files, which the engine does not make of {model.model_id}: name "
            "a repository that has them"
        )


def _unless_auto(value: str) -> str | None:
    return None if value == "auto" else value


def _image_limit(model: ModelSpec, options: ServingOptions) -> str | None:
    if not model.architecture.has_vision or options.image_limit is None:
        return None
    return json.dumps({"image": options.image_limit, "video": 0})


def _speculation(options: ServingOptions) -> str | None:
    if options.speculative_tokens is None:
        return None
    return json.dumps({"method": "mtp", "num_speculative_tokens": options.speculative_tokens})
