"""Every spelling of a model's name, and the catalogue row it means."""

from functools import cache
from typing import Any

from cloudgpu.sizing.catalog import read_rows


def row_of(name: str) -> dict[str, Any] | None:
    """The row of `models` or `quantized` that `name` means, in any case, with any separators; None for none."""
    return _index().get(_key(name))


def spoken_names() -> list[str]:
    """The names that are worth suggesting: short names, aliases and ids."""
    names = [name for row in read_rows("models") for name in (row["short_name"], *row["aliases"], row["id"])]
    return names + [row["short_name"] for row in _quantised_rows()]


def quantised_short_name(base: str, quantization: str) -> str:
    """The name of a quantised checkpoint among the short names."""
    return f"{base}-{quantization}"


@cache
def _index() -> dict[str, dict[str, Any]]:
    """Every spelling to its row, in order of authority: ids, short names, documented aliases, then shortened ids."""
    found: dict[str, dict[str, Any]] = {}
    rows = (*read_rows("models"), *_quantised_rows())
    for names in (_ids, _short_names, _aliases, _shortened):
        for row in rows:
            for name in names(row):
                found.setdefault(_key(name), row)
    return found


def _quantised_rows() -> list[dict[str, Any]]:
    short_names = {row["id"]: row["short_name"] for row in read_rows("models")}
    return [
        {"short_name": quantised_short_name(short_names[row["base"]], row["quantization"]), "aliases": [], **row}
        for row in read_rows("quantized")
    ]


def _ids(row: dict[str, Any]) -> tuple[str, ...]:
    return (row["id"],)


def _short_names(row: dict[str, Any]) -> tuple[str, ...]:
    return (row["short_name"],)


def _aliases(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(row["aliases"])


def _shortened(row: dict[str, Any]) -> tuple[str, ...]:
    """The id without its owner, and that without what every chat model's name carries."""
    name = row["id"].rsplit("/", 1)[-1]
    short = name.lower().removeprefix("meta-")
    for part in ("-instruct", "-chat-hf", "-chat", "-it", "-hf"):
        short = short.replace(part, "")
    return name, short


def _key(name: str) -> str:
    """A spelling without case and separators. Slash and point stay: 1.5b is not 15b."""
    return "".join(letter for letter in name.lower() if letter.isalnum() or letter in "/.")
