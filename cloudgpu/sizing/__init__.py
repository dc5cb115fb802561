"""What a model needs: catalogue of models and GPUs, engine rules, memory. Public names load on first use."""

from importlib import import_module
from typing import Any

_HOMES = {
    "Checkpoint": "model",
    "EngineProfile": "engines",
    "GpuSpec": "gpus",
    "MemoryEstimate": "memory",
    "ModelSpec": "model",
    "ServingOptions": "options",
    "SpeedEstimate": "speed",
    "Workload": "speed",
    "all_gpus": "gpus",
    "all_models": "known_models",
    "engine_profile": "engines",
    "estimate": "memory",
    "estimate_speed": "speed",
    "find_gpu": "gpus",
    "layout_error": "memory",
    "match_gpu": "gpus",
    "model_from_config": "models",
    "resolve_model": "models",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module attribute may be anything
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
