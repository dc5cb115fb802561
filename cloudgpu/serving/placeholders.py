"""What the placeholders of a template stand for: a plan's candidate in the words of its engine's release.

The estimate rests on what stands here: context, share of the card, sequences, cache format and split are its own.
"""

import json

from cloudgpu.base.errors import UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.plan import Plan
from cloudgpu.serving.parsers import reasoning_parser, tool_parser
from cloudgpu.sizing.engines import EngineProfile, llamacpp
from cloudgpu.sizing.options import ServingOptions

Value = str | Secret | bool | tuple[str, ...] | None
"""What a placeholder stands for: None leaves the line out, True leaves the flag alone, a tuple becomes words."""

PLACEHOLDERS = {
    "engine_version": "release of the engine, never latest",
    "checkpoint": "repository that is served",
    "served_names": "names that clients may ask for (a list): the checkpoint, the model, the service",
    "context": "tokens of context",
    "sequences": "sequences of full context at once: what llama.cpp makes its cache for as it starts",
    "context_of_all": "tokens of context of all of them together, which llama.cpp divides among them",
    "gpu_memory_utilization": "share of the card that the engine may fill",
    "hf_overrides": "JSON that stretches positions beyond the model's own (YaRN); none within them",
    "tensor_parallel": "GPUs that share each layer",
    "pipeline_parallel": "groups of layers; none when 1",
    "expert_parallel": "true or none: whole experts on each GPU",
    "online_quantization": "fp8 when a 16-bit checkpoint is quantised as it is loaded; none when it is published so",
    "dtype": "number format of the arithmetic; none when the engine decides",
    "kv_cache_dtype": "number format of the KV cache; none when the engine decides",
    "max_num_seqs": "sequences at once; none when the engine decides",
    "max_num_batched_tokens": "tokens of one step; none when the engine decides",
    "enforce_eager": "true or none",
    "image_limit": "images of a prompt, in the form that the release reads; none when the engine decides",
    "image_size": "JSON of the largest image; none when the engine decides",
    "speculation": "JSON of the tokens drafted ahead; none when none are",
    "tools": "true with --tools, else none",
    "tool_parser": "the parser of the model's family with --tools, else none",
    "reasoning_parser": "the parser of the model's family with --reasoning, else none",
    "lora": "true with an adapter, else none",
    "lora_modules": "name=repository of the adapter, else none",
    "lora_rank": "rank of the adapter's slot, else none",
    "max_loras": "adapters in one batch, else none",
    "min_cuda": "CUDA version that the engine's release asks of the driver",
    "MODEL_NAME": "the same as checkpoint",
    "ADAPTER_NAME": "repository of the adapter; none without one",
    "QUANTIZATION": "4bit, 8bit or bf16: how transformers loads the weights",
    "PORT": "the template's own port",
}
"""Every placeholder and what it stands for. One that is none leaves its line out."""

SECRETS = {"api_key": "the key of the endpoint", "hf_token": "the Hugging Face token, with --send-hf-token; else none"}

_JSON_LIMITS = (0, 10)
"""From this release of vLLM on `--limit-mm-per-prompt` is JSON; before it `image=3,video=0`."""


_LOADED_AS = {"bitsandbytes": "4bit", "bitsandbytes-double": "4bit", "bitsandbytes-int8": "8bit"}
_CACHE_WORDS = {"sglang": {"fp8": "fp8_e4m3"}, "llama.cpp": {"fp8": "q8_0", "fp8_e4m3": "q8_0", "fp8_e5m2": "q8_0"}}
"""What other engines call the cache of a byte an element."""


def values_of(
    plan: Plan, candidate: Candidate, service: str, *, tools: bool = False, reasoning: bool = False
) -> dict[str, Value]:
    """Every placeholder but the secrets and PORT, which the template knows.

    Raises UsageError for what the engine's release refuses at its start.
    """
    options, model, adapter = plan.needs.options, plan.needs.model, plan.needs.adapter
    profile = options.profile()
    _check(options, profile, candidate)
    _check_files(profile, candidate, candidate.quantization or model.quantization)
    return {
        "engine_version": profile.version,
        "checkpoint": candidate.checkpoint,
        "served_names": _served_names(candidate.checkpoint, model.model_id, service),
        "context": str(options.context_for(model.max_context)),
        "sequences": str(_sequences(options)),
        "context_of_all": str(_sequences(options) * options.context_for(model.max_context)),
        "gpu_memory_utilization": f"{candidate.gpu_memory_utilization:g}",
        "hf_overrides": _flag(candidate, "--hf-overrides") or _flag(candidate, "--json-model-override-args"),
        "tensor_parallel": str(candidate.tensor_parallel),
        "pipeline_parallel": _unless_one(options.pipeline_parallel),
        "expert_parallel": options.expert_parallel or None,
        "online_quantization": options.quantization if plan.needs.checkpoint().online else None,
        "dtype": _unless_auto(options.dtype),
        "kv_cache_dtype": _cache_dtype(options.kv_cache_dtype, profile),
        "max_num_seqs": _maybe(options.max_num_seqs),
        "max_num_batched_tokens": _maybe(options.max_num_batched_tokens),
        "enforce_eager": options.enforce_eager or None,
        "image_limit": _image_limit(_flag(candidate, "--limit-mm-per-prompt"), profile),
        "image_size": _flag(candidate, "--mm-processor-kwargs"),
        "speculation": _flag(candidate, "--speculative-config"),
        "tools": tools or None,
        "tool_parser": tool_parser(model, profile) if tools else None,
        "reasoning_parser": reasoning_parser(model, profile) if reasoning else None,
        "lora": True if adapter else None,
        "lora_modules": f"{_adapter_name(adapter)}={adapter}" if adapter else None,
        "lora_rank": _flag(candidate, "--max-lora-rank") if adapter else None,
        "max_loras": str(options.max_loras) if adapter else None,
        "min_cuda": profile.min_cuda,
        "MODEL_NAME": candidate.checkpoint,
        "ADAPTER_NAME": adapter,
        "QUANTIZATION": _LOADED_AS.get(candidate.quantization or "", "bf16"),
    }


def _check(options: ServingOptions, profile: EngineProfile, candidate: Candidate) -> None:
    """What the engine's release would refuse only after the machine was paid for."""
    stored = candidate.quantization
    if stored is not None and stored not in profile.quantizations:
        raise UsageError(
            f"{profile.name} {profile.version} no longer carries {stored}",
            hint="use an AWQ, GPTQ or FP8 checkpoint, or an engine release that does",
        )
    if profile.name == "llama.cpp" and not candidate.memory.holds(_sequences(options)):
        raise UsageError(
            f"llama.cpp makes the cache of all {_sequences(options)} sequences as it starts, and the card holds "
            f"{candidate.memory.sequences_at_context:g}",
            hint="ask for fewer sequences, a shorter --context or a larger card",
        )
    tokens, sequences = options.max_num_batched_tokens, options.max_num_seqs
    if tokens and sequences and tokens < sequences:
        raise UsageError(
            f"a step of {tokens} tokens cannot serve {sequences} sequences at once",
            hint="raise max_num_batched_tokens to max_num_seqs at least",
        )


def _check_files(profile: EngineProfile, candidate: Candidate, stored: str | None) -> None:
    """llama.cpp starts, downloads nothing that it can read, and ends."""
    if profile.name == llamacpp.NAME and stored not in llamacpp.FORMATS:
        raise UsageError(
            f"llama.cpp reads GGUF files, and {candidate.checkpoint} has none that is known",
            hint="name a repository that has: cloudgpu plan OWNER/NAME-GGUF:Q4_K_M --engine llama.cpp",
        )


def _sequences(options: ServingOptions) -> int:
    return options.max_num_seqs or options.concurrency


def _flag(candidate: Candidate, name: str) -> str | None:
    """What the estimate says that this flag must be; None when it needs none."""
    values = (flag.partition(" ") for flag in candidate.memory.flags)
    return next((value for flag, _, value in values if flag == name), None)


def _image_limit(limits: str | None, profile: EngineProfile) -> str | None:
    if limits is None or profile.release >= _JSON_LIMITS:
        return limits
    return ",".join(f"{kind}={count}" for kind, count in json.loads(limits).items())


def _served_names(checkpoint: str, model_id: str, service: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((checkpoint, model_id, service)))


def _adapter_name(adapter: str | None) -> str:
    return (adapter or "").rpartition("/")[2].lower()


def _unless_one(count: int) -> str | None:
    return None if count == 1 else str(count)


def _unless_auto(choice: str) -> str | None:
    return None if choice == "auto" else choice


def _cache_dtype(choice: str, profile: EngineProfile) -> str | None:
    return _unless_auto(_CACHE_WORDS.get(profile.name, {}).get(choice, choice))


def _maybe(count: int | None) -> str | None:
    return None if count is None else str(count)
