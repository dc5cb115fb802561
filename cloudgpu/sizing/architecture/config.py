"""A config.json as it is found: nested text parts, several names for one thing, nulls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudgpu.base.errors import BadFileError

_TEXT_PARTS = ("text_config", "llm_config", "language_config", "thinker_config")
MOST_LAYERS = 10_000
LARGEST_FIGURE = 10**9


@dataclass(frozen=True, slots=True)
class Config:
    """A reader of one config object. Figures that are missing, not whole or absurd raise BadFileError."""

    raw: Mapping[str, Any]

    def count(self, *names: str) -> int:
        """The first of `names` that is set, as a whole number above 0."""
        for name in names:
            if self.raw.get(name) is not None:
                return _whole(name, self.raw[name])
        raise BadFileError(f"the model config has no {names[0]}", hint="give the model's own config.json")

    def count_or(self, default: int, *names: str) -> int:
        """As `count`, or `default` when none of `names` is set; where none is the default, 0 says the same."""
        given = next((self.raw[name] for name in names if self.raw.get(name) is not None), None)
        if given is None or (default == 0 and given == 0 and not isinstance(given, bool)):
            return default
        return self.count(*names)

    def number_or(self, default: float, name: str) -> float:
        """A number of any sign, or `default`."""
        value = self.raw.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default

    def flag(self, name: str, default: bool = False) -> bool:
        """A yes or no, or `default`."""
        value = self.raw.get(name)
        return default if value is None else bool(value)

    def text(self, name: str) -> str | None:
        """A text, or None."""
        value = self.raw.get(name)
        return value if isinstance(value, str) else None

    def texts(self, name: str) -> list[str]:
        """A list of texts, empty when it is missing."""
        value = self.raw.get(name)
        return [str(item) for item in value] if isinstance(value, list) else []

    def part(self, name: str) -> "Config | None":
        """A nested object, or None."""
        value = self.raw.get(name)
        return Config(value) if isinstance(value, Mapping) and value else None


def text_part(config: Config) -> Config:
    """The language model inside a multimodal config, with what only the outer object says; else the config itself."""
    for name in _TEXT_PARTS:
        part = config.part(name)
        if part is not None:
            outer = {key: value for key, value in config.raw.items() if key not in (*_TEXT_PARTS, "vision_config")}
            inner = text_part(part)
            return Config({**outer, **inner.raw, "model_type": inner.raw.get("model_type", outer.get("model_type"))})
    return config


def family_of(config: Config) -> str:
    """The `model_type`. Raises BadFileError without one."""
    family = config.text("model_type")
    if not family:
        raise BadFileError("the model config has no model_type", hint="give the model's own config.json")
    return family.lower().removesuffix("_text")


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < LARGEST_FIGURE:
        raise BadFileError(f"{name} in the model config is {value!r}, not a whole number above 0")
    return value
