"""Whether an adapter belongs to the base model. One that does not would load all the same, and talk nonsense."""

import json
from pathlib import Path

from huggingface_hub import hf_hub_download


class WrongAdapterError(Exception):
    """The adapter was made for another model."""


def check_adapter(adapter: str, model: str, also_known_as: str | None = None) -> None:
    """Raises WrongAdapterError unless the adapter's own config names this model as its base. May call the Hub."""
    base = json.loads(_config_of(adapter).read_text(encoding="utf-8")).get("base_model_name_or_path")
    if not base:
        raise WrongAdapterError(f"{adapter} does not say which model it was made for")
    if not any(_same(base, name) for name in (model, also_known_as) if name):
        raise WrongAdapterError(
            f"{adapter} was made for {base}, not for {model}; if these are the same weights under two names, set"
            f" ADAPTER_BASE={base}"
        )


def _config_of(adapter: str) -> Path:
    folder = Path(adapter)
    if folder.is_dir():
        return folder / "adapter_config.json"
    return Path(hf_hub_download(adapter, "adapter_config.json"))


def _same(one: str, other: str) -> bool:
    if Path(one).exists() and Path(other).exists():
        return Path(one).resolve() == Path(other).resolve()
    return one.strip("/").lower() == other.strip("/").lower()
