"""One estimate asked for as a plain object, as a line of a cases file is: names as on the command line, underscores."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cloudgpu.base.errors import UnknownGpuError, UsageError
from cloudgpu.sizing.engines.vllm import DEFAULT_VERSION
from cloudgpu.sizing.gpus import GpuSpec, custom_gpu, find_gpu
from cloudgpu.sizing.memory import MemoryEstimate, estimate
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.models import model_from_config
from cloudgpu.sizing.named_alike import find_or_alike
from cloudgpu.sizing.nearest import nearest
from cloudgpu.sizing.options import ServingOptions
from cloudgpu.sizing.speed import SpeedEstimate, estimate_speed
from cloudgpu.sizing.speed.workload import workload_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a case gets: its memory, and its speed where it starts on a card and an engine whose speed is known."""

    memory: MemoryEstimate
    speed: SpeedEstimate | None

    def as_json(self) -> Mapping[str, object]:
        """The figures under the names of the JSON contract; `speed` is null where there is none."""
        return {**self.memory.as_json(), "speed": self.speed.as_json() if self.speed else None}


def answer_case(case: Mapping[str, Any]) -> Answer:
    """Memory and speed of a case: as `estimate_case`, with `concurrency`, `prompt_tokens` and `output_tokens`.

    Raises UsageError, also for a prompt and an answer that do not fit the context.
    """
    case = _by_known_names(case)
    model, gpu, options = _model(case), _gpu(case), _options(case)
    limit, asked = options.context_tokens or model.max_context, options.context_tokens is not None
    lengths = _count(case, "prompt_tokens"), _count(case, "output_tokens")
    workload = workload_for(_count(case, "concurrency"), *lengths, limit, limit_is_given=asked)
    memory = estimate(model, gpu, options)
    return Answer(memory=memory, speed=estimate_speed(model, gpu, options, workload, memory))


def estimate_case(case: Mapping[str, Any]) -> MemoryEstimate:
    """The estimate that a case asks for.

    A case has `model` (a name) or `config` (a config.json as an object), and `gpu` (a name) or `gpu_total_gib`; every
    other name is an option and may be missing or null. `gpus` alone is shared out as tensor parallelism. Raises
    UsageError, also for a name that means nothing here: a misspelt option would change the answer in silence.
    """
    case = _by_known_names(case)
    return estimate(_model(case), _gpu(case), _options(case))


def split_over(gpus: int | None, tensor_parallel: int | None, pipeline_parallel: int | None) -> tuple[int, int]:
    """(tensor parallel, pipeline parallel) for what was asked; what is None is derived.

    Raises UsageError when the split needs more GPUs than there are, or leaves some idle.
    """
    stages = pipeline_parallel or 1
    ranks = tensor_parallel or max((gpus or stages) // stages, 1)
    if gpus is not None and ranks * stages != gpus:
        raise UsageError(
            f"tensor parallel {ranks} times pipeline parallel {stages} does not use {gpus} GPUs",
            hint="give the number of GPUs alone, or a split that multiplies to it",
        )
    return ranks, stages


LEAST_OF_A_CARD, MOST_OF_A_CARD = 0.1, 2.1
"""The smallest slice that a card is cut into is an eighth of it; modded cards carry twice the memory, and no more."""

_OPTIONS = frozenset({
    "model", "config", "gpu", "gpu_total_gib", "gpus", "tensor_parallel", "pipeline_parallel", "max_model_len",
    "gpu_memory_utilization", "kv_cache_dtype", "dtype", "quantization", "max_num_seqs", "max_num_batched_tokens",
    "enforce_eager", "no_flash_attention", "lora_rank", "max_loras", "rope_scaling_factor", "image_limit", "max_pixels",
    "speculative_tokens", "expert_parallel", "engine", "engine_version", "weights_from", "concurrency",
    "prompt_tokens", "output_tokens",
})  # fmt: skip
_CARRIED = frozenset({"id", "note", "cases", "as_json"})
"""What a case or a command line carries besides: a name, a remark, and how the answer is wanted."""

_SHORT = {"context": "max_model_len", "tp": "tensor_parallel", "pp": "pipeline_parallel"}


def _by_known_names(case: Mapping[str, Any]) -> Mapping[str, Any]:
    """The case with short names spelt out. Raises UsageError for a name that nobody knows, unless it says nothing."""
    strange = [name for name, value in case.items() if value is not None and name not in _OPTIONS | _CARRIED]
    for name in strange:
        if name not in _SHORT:
            near = nearest(str(name), _OPTIONS)
            raise UsageError(f"a case knows no {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
        if case.get(_SHORT[name]) is not None:
            raise UsageError(f"{name} and {_SHORT[name]} are one thing, and both are given")
    return {**case, **{_SHORT[name]: case[name] for name in strange}} if strange else case


def _model(case: Mapping[str, Any]) -> ModelSpec:
    config, name = case.get("config"), case.get("model")
    if isinstance(config, Mapping):
        return model_from_config(config, name if isinstance(name, str) and name else "inline config")
    if config is not None:
        raise UsageError("config must be a config.json as an object")
    if not isinstance(name, str) or not name:
        raise UsageError(
            "no model is named", hint="give a model's alias or id, or its config.json; see `cloudgpu models`"
        )
    return find_or_alike(name, _text(case, "weights_from") or "auto")


def _gpu(case: Mapping[str, Any]) -> GpuSpec:
    name, total = case.get("gpu"), case.get("gpu_total_gib")
    if total is not None and (isinstance(total, bool) or not isinstance(total, int | float)):
        raise UsageError(f"gpu_total_gib must be a number of GiB, not {total!r}")
    return choose_gpu(name if isinstance(name, str) else None, total)


def choose_gpu(name: str | None, total_gib: float | None) -> GpuSpec:
    """The card by name, by the total that torch reports, or by name with that total. Raises UsageError for neither."""
    if total_gib is not None:
        custom = custom_gpu(float(total_gib))
        return _named(name, custom) if name else custom
    if not name:
        raise UsageError("no GPU is named", hint='give one, for example --gpu "RTX 4090", or --gpu-total-gib 23.6')
    return find_gpu(name)


def _named(name: str, custom: GpuSpec) -> GpuSpec:
    """The card of that name with that total; a name we do not know is taken as it is, since its memory is given."""
    try:
        known = find_gpu(name)
    except UnknownGpuError:
        return replace(custom, name=name)
    if not LEAST_OF_A_CARD <= custom.total_gib / known.total_gib <= MOST_OF_A_CARD:
        raise UsageError(
            f"no {known.name} has {custom.total_gib:g} GiB, it has {known.total_gib:g}",
            hint="leave one of the two out, or give what torch reports on that very machine",
        )
    return known.with_total(custom.total_gib)


def _options(case: Mapping[str, Any]) -> ServingOptions:
    _check_together(case)
    ranks, stages = split_over(_count(case, "gpus"), _count(case, "tensor_parallel"), _count(case, "pipeline_parallel"))
    return ServingOptions(
        context_tokens=_count(case, "max_model_len"),
        quantization=_text(case, "quantization"),
        dtype=_text(case, "dtype") or "auto",
        kv_cache_dtype=_text(case, "kv_cache_dtype") or "auto",
        engine=_text(case, "engine") or "vllm",
        engine_version=_text(case, "engine_version") or DEFAULT_VERSION,
        gpu_memory_utilization=case.get("gpu_memory_utilization"),
        max_num_seqs=_count(case, "max_num_seqs"),
        max_num_batched_tokens=_count(case, "max_num_batched_tokens"),
        tensor_parallel=ranks,
        pipeline_parallel=stages,
        enforce_eager=_yes(case, "enforce_eager"),
        flash_attention=not _yes(case, "no_flash_attention"),
        lora_rank=_count(case, "lora_rank"),
        max_loras=_count(case, "max_loras") or 1,
        expert_parallel=_yes(case, "expert_parallel"),
        rope_scaling_factor=case.get("rope_scaling_factor"),
        image_limit=_limit(case, "image_limit"),
        max_pixels=_count(case, "max_pixels"),
        speculative_tokens=_count(case, "speculative_tokens"),
    )


def _check_together(case: Mapping[str, Any]) -> None:
    """Raise UsageError for options of which one takes the meaning from the other."""
    tokens, sequences = _count(case, "max_num_batched_tokens"), _count(case, "max_num_seqs")
    if tokens and sequences and tokens < sequences:
        raise UsageError(
            f"--max-num-batched-tokens {tokens} is less than --max-num-seqs {sequences}: the engine refuses that",
            hint=f"give --max-num-batched-tokens {sequences} or more, or fewer sequences",
        )
    if (_count(case, "max_loras") or 1) > 1 and case.get("lora_rank") is None:
        raise UsageError("--max-loras counts nothing without --lora-rank", hint="give --lora-rank, for example 16")


def _count(case: Mapping[str, Any], name: str) -> int | None:
    value = case.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise UsageError(f"{name} must be a whole number above 0, not {value!r}", hint=f"leave {name} out for its default")


def _limit(case: Mapping[str, Any], name: str) -> int | None:
    """As `_count`, with 0 for none at all."""
    return 0 if case.get(name) == 0 and not isinstance(case.get(name), bool) else _count(case, name)


def _text(case: Mapping[str, Any], name: str) -> str | None:
    value = case.get(name)
    if value is None or isinstance(value, str):
        return value
    raise UsageError(f"{name} must be a text, not {value!r}")


def _yes(case: Mapping[str, Any], name: str) -> bool:
    value = case.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise UsageError(f"{name} must be true or false, not {value!r}")
