"""What the environment says: model, adapter, number format, key and limits."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

QUANTIZATIONS = ("4bit", "8bit", "bf16")


class SettingsError(Exception):
    """A variable is missing or cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`adapter_base` is another name that the adapter may know its base by (a copy, a quantised upload).

    `max_context` counts prompt and answer together, in tokens; None takes the model's own. `wait_s` is how long a
    request waits for those before it.
    """

    model: str
    adapter: str | None
    adapter_base: str | None
    quantization: str
    api_key: str = field(repr=False)
    host: str
    port: int
    max_context: int | None
    max_new_tokens: int
    requests_per_minute: int
    wait_s: int


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process. Raises SettingsError naming the variable.

    HF_TOKEN, HF_HOME and their like are read by the Hub's own client.
    """
    quantization = environ.get("QUANTIZATION") or "4bit"
    if quantization not in QUANTIZATIONS:
        raise SettingsError(f"QUANTIZATION is {quantization!r}; it is one of {', '.join(QUANTIZATIONS)}")
    context = _count(environ, "MAX_CONTEXT", 0)
    return Settings(
        model=_needed(environ, "MODEL_NAME"),
        adapter=environ.get("ADAPTER_NAME") or None,
        adapter_base=environ.get("ADAPTER_BASE") or None,
        quantization=quantization,
        api_key=_needed(environ, "API_KEY"),
        host=environ.get("HOST") or "0.0.0.0",
        port=_count(environ, "PORT", 8000),
        max_context=context or None,
        max_new_tokens=_count(environ, "MAX_NEW_TOKENS", 512),
        requests_per_minute=_count(environ, "REQUESTS_PER_MINUTE", 60),
        wait_s=_count(environ, "WAIT_S", 120),
    )


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _count(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdigit():
        raise SettingsError(f"{name} is {text!r}; it is a whole number")
    return int(text)
