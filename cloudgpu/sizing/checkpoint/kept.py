"""What the Hub said of a checkpoint, kept on this machine: a plan is read again without asking the Hub again."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from cloudgpu.base.settings import read_settings
from cloudgpu.base.whole_file import write_whole
from cloudgpu.sizing.checkpoint.contents import ReadCheckpoint
from cloudgpu.sizing.stored import PARTS, StoredPart, StoredWeights

VERSION = 1


def keep(repo_id: str, found: ReadCheckpoint) -> None:
    """Write it to the cache folder. A cache that cannot be written is no error."""
    path = _path(repo_id)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"version": VERSION, **asdict(found)}))


def kept(repo_id: str) -> ReadCheckpoint | None:
    """What was kept of that repository; None when nothing was, or it cannot be read."""
    try:
        document = json.loads(_path(repo_id).read_text(encoding="utf-8"))
        if document["version"] != VERSION:
            return None
        weights = document["weights"]
        parts = {name: StoredPart(**weights[name]) for name in PARTS}
        return ReadCheckpoint(
            config=document["config"],
            weights=StoredWeights(**{**weights, **parts}),
            is_gguf=document["is_gguf"],
            notes=tuple(document["notes"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _path(repo_id: str) -> Path:
    """One file a repository; the owner's slash and a variant's colon are no part of a file name."""
    name = repo_id.replace("/", "--").replace(":", "@")
    return read_settings().cache_dir / "headers" / f"{name}.json"
