"""Formats and providers that need a library which the base install leaves out."""

import importlib
from typing import Any

from cloudgpu.base.errors import UsageError


def need(module: str, extra: str) -> Any:  # noqa: ANN401  (a module without annotations)
    """The module of an optional library. Raises UsageError naming the extra that brings it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UsageError(
            f"this needs {module}, which is not installed", hint=f"pip install 'cloudgpu[{extra}]'"
        ) from None
