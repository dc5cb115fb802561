"""One file an engine: its defaults by version and its memory rules."""

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.engines import vllm
from cloudgpu.sizing.engines.profile import EngineProfile

__all__ = ["EngineProfile", "engine_profile"]


def engine_profile(engine: str, version: str | None = None) -> EngineProfile:
    """The rules of an engine's release, its default release when `version` is None.

    Raises UsageError for an engine whose memory we cannot estimate yet.
    """
    if engine.lower() != vllm.NAME:
        raise UsageError(f"the memory of engine {engine!r} cannot be estimated", hint="the supported engine is vllm")
    return vllm.profile(version or vllm.DEFAULT_VERSION)
