"""What a container is told to serve: vLLM's command line, read as vLLM reads it."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

DEFAULT_PORT = 8000
_DEFAULT_MODEL = "Qwen/Qwen3-0.6B"
_SHORT = {"-tp": "--tensor-parallel-size", "-pp": "--pipeline-parallel-size", "-q": "--quantization"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCommand:
    """A vLLM server as asked for. `usage_error` is what its argument parser would say, None when it is content.

    `hf_overrides` are laid over the model's config; empty without any.
    """

    version: str
    model: str
    served_names: tuple[str, ...]
    port: int
    api_keys: tuple[str, ...]
    max_model_len: int | None
    gpu_memory_utilization: float | None
    tensor_parallel: int
    pipeline_parallel: int
    quantization: str | None
    dtype: str
    kv_cache_dtype: str
    max_num_seqs: int | None
    max_num_batched_tokens: int | None
    enforce_eager: bool
    lora_modules: tuple[str, ...]
    max_lora_rank: int | None
    max_loras: int
    hf_overrides: Mapping[str, Any]
    usage_error: str | None


def read_command(
    image: str, args: Sequence[str], onstart: str | None, env: Mapping[str, str], *, entrypoint_kept: bool
) -> EngineCommand | None:
    """The engine that the container starts, or None when it starts none that is known here.

    `entrypoint_kept` is False for Vast's ssh and jupyter run types, which replace the image's entrypoint: then only
    `onstart` can start a server.
    """
    words = _serve_words(image, args, onstart, entrypoint_kept=entrypoint_kept)
    if words is None:
        return None
    try:
        return _command(image, words, env)
    except ValueError as error:
        return _unusable(image, str(error))


def _serve_words(image: str, args: Sequence[str], onstart: str | None, *, entrypoint_kept: bool) -> list[str] | None:
    if entrypoint_kept and not onstart:
        return list(args) if "vllm-openai" in image else None
    for words in _commands(onstart or ""):
        for start in (["vllm", "serve"], ["python", "-m", "vllm.entrypoints.openai.api_server"], _PYTHON3_SERVER):
            if words[: len(start)] == start:
                return words[len(start) :]
    return None


def _commands(onstart: str) -> list[list[str]]:
    """The commands of a start script; of `sh -c SCRIPT NAME words…`, where SCRIPT ends in them, those words."""
    whole = _shell_words(onstart)
    if whole[:2] == ["sh", "-c"] and whole[2].rstrip().endswith('exec "$@"'):
        return [whole[4:]]
    return [_shell_words(line) for line in onstart.splitlines()]


_PYTHON3_SERVER = ["python3", "-m", "vllm.entrypoints.openai.api_server"]


def _shell_words(line: str) -> list[str]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return []
    while words and (words[0] in ("exec", "nohup") or "=" in words[0]):
        words = words[1:]
    return [word for word in words if word not in ("&", ">", "2>&1")]


def _command(image: str, words: Sequence[str], env: Mapping[str, str]) -> EngineCommand:
    options = dict(_options(words))
    unknown = sorted(name for name in options if name and not _known(name))
    model = _last(options, "--model") or _last(options, "") or _DEFAULT_MODEL
    return EngineCommand(
        version=image_version(image),
        model=model,
        served_names=tuple(options.get("--served-model-name") or (model,)),
        port=int(_last(options, "--port") or DEFAULT_PORT),
        api_keys=_api_keys(options, env),
        max_model_len=_length(_last(options, "--max-model-len")),
        gpu_memory_utilization=_number(_last(options, "--gpu-memory-utilization")),
        tensor_parallel=int(_last(options, "--tensor-parallel-size") or 1),
        pipeline_parallel=int(_last(options, "--pipeline-parallel-size") or 1),
        quantization=_last(options, "--quantization"),
        dtype=_last(options, "--dtype") or "auto",
        kv_cache_dtype=_last(options, "--kv-cache-dtype") or "auto",
        max_num_seqs=_length(_last(options, "--max-num-seqs")),
        max_num_batched_tokens=_length(_last(options, "--max-num-batched-tokens")),
        enforce_eager="--enforce-eager" in options,
        lora_modules=_adapter_names(options.get("--lora-modules", ())),
        max_lora_rank=_length(_last(options, "--max-lora-rank")) if "--enable-lora" in options else None,
        max_loras=int(_last(options, "--max-loras") or 1),
        hf_overrides=_object(_last(options, "--hf-overrides")),
        usage_error=f"unrecognized arguments: {' '.join(unknown)}" if unknown else None,
    )


def _options(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--") or word in _SHORT:
            name, equals, value = word.partition("=")
            name = _SHORT.get(name, name).replace("_", "-")
            found[name] = [value] if equals else []
        else:
            found.setdefault(name, []).append(word)
    yield from found.items()


def _known(name: str) -> bool:
    plain = name.split(".")[0]
    return any(spelling in _flags() for spelling in (plain, plain.replace("--no-", "--", 1)))


@cache
def _flags() -> frozenset[str]:
    text = files("cloudgpu.emulator.figures").joinpath("vllm_flags.json").read_text(encoding="utf-8")
    return frozenset(json.loads(text)["flags"])


def _last(options: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = options.get(name)
    return values[-1] if values else None


def _api_keys(options: Mapping[str, Sequence[str]], env: Mapping[str, str]) -> tuple[str, ...]:
    given = tuple(options.get("--api-key", ()))
    return given or ((env["VLLM_API_KEY"],) if env.get("VLLM_API_KEY") else ())


def _length(text: str | None) -> int | None:
    """A count, with vLLM's suffixes: 8k is 8000, 8K is 8192."""
    if text is None:
        return None
    factors = {"k": 10**3, "K": 2**10, "m": 10**6, "M": 2**20}
    factor = factors.get(text[-1:], 1)
    return int(float(text[:-1]) * factor) if factor > 1 else int(text)


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)


def _object(text: str | None) -> Mapping[str, Any]:
    """Raises ValueError for what is no JSON object."""
    found = {} if text is None else json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"argument --hf-overrides: {text} is no JSON object")
    return found


def _adapter_names(modules: Sequence[str]) -> tuple[str, ...]:
    return tuple(_adapter_name(module) for module in modules)


def _adapter_name(module: str) -> str:
    return str(json.loads(module)["name"]) if module.startswith("{") else module.partition("=")[0]


def image_version(image: str) -> str:
    """The release in an image's tag: `0.25.1` of `vllm/vllm-openai:v0.25.1`; empty when the tag names none."""
    tag = image.rpartition(":")[2] if ":" in image else ""
    return tag.removeprefix("v") if tag[:2].lstrip("v")[:1].isdigit() else ""


def _unusable(image: str, reason: str) -> EngineCommand:
    return EngineCommand(
        version=image_version(image), model=_DEFAULT_MODEL, served_names=(_DEFAULT_MODEL,), port=DEFAULT_PORT,
        api_keys=(), max_model_len=None, gpu_memory_utilization=None, tensor_parallel=1, pipeline_parallel=1,
        quantization=None, dtype="auto", kv_cache_dtype="auto", max_num_seqs=None, max_num_batched_tokens=None,
        enforce_eager=False, lora_modules=(), max_lora_rank=None, max_loras=1, hf_overrides={},
        usage_error=f"argument error: {reason}",
    )  # fmt: skip
