"""One file an engine: its defaults by version and its memory rules."""

from collections.abc import Callable, Mapping

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.engines import llamacpp, sglang, transformers, vllm
from cloudgpu.sizing.engines.profile import EngineProfile

__all__ = ["ENGINES", "EngineProfile", "canonical_engine", "engine_profile"]

_PROFILES: Mapping[str, Callable[[str | None], EngineProfile]] = {
    vllm.NAME: lambda version: vllm.profile(version or vllm.DEFAULT_VERSION),
    sglang.NAME: sglang.profile,
    transformers.NAME: transformers.profile,
    llamacpp.NAME: llamacpp.profile,
}

ENGINES = tuple(_PROFILES)

_SPELLINGS = {"llamacpp": llamacpp.NAME, "llama-cpp": llamacpp.NAME, "hf": transformers.NAME, "peft": transformers.NAME}


def canonical_engine(engine: str) -> str:
    """Our word for an engine. Raises UsageError for one whose memory we cannot estimate."""
    name = _SPELLINGS.get(engine.strip().lower(), engine.strip().lower())
    if name not in _PROFILES:
        raise UsageError(
            f"the memory of engine {engine!r} cannot be estimated", hint="the engines are " + ", ".join(ENGINES)
        )
    return name


def engine_profile(engine: str, version: str | None = None) -> EngineProfile:
    """The rules of an engine's release, its default release when `version` is None.

    vLLM's default stands for none with the other engines. Raises UsageError for an engine whose memory we cannot
    estimate.
    """
    name = canonical_engine(engine)
    given = None if name != vllm.NAME and version == vllm.DEFAULT_VERSION else version
    return _PROFILES[name](given)
