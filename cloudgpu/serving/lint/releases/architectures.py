"""Which release of vLLM has which model architecture, read in the registries of three wheels."""

import json
from functools import cache
from pathlib import Path


def first_seen(architecture: str) -> str | None:
    """The first registry that was read which has it; None: none has."""
    found = _rows().get(architecture)
    return found[0] if found else None


def last_release(architecture: str) -> str | None:
    """The last release that had it, by the word of a later one; None: none says that it left."""
    found = _rows().get(architecture)
    return found[1] if found else None


@cache
def _rows() -> dict[str, tuple[str | None, str | None]]:
    lines = (Path(__file__).parent / "vllm_architectures.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    return {row["architecture"]: (row["first"], row.get("last")) for row in map(json.loads, lines)}
