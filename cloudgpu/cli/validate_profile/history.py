"""The scores that `validate-profile` gave, one JSON line each in the state folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from cloudgpu.base.clock import SystemClock, utc_text
from cloudgpu.base.errors import BadFileError
from cloudgpu.serving.lint.validation import Validation, Verdict


class Entry(TypedDict):
    """One service at one time. `gpus` None: no cards were named; `fails` are the parameters that fail."""

    at: str
    file: str
    service: str
    engine_version: str
    gpus: str | None
    score: int
    of: int
    fails: list[str]


def append(state_dir: Path, file: Path, found: Sequence[Validation], gpus: str | None) -> None:
    """Keep the scores of a file. Raises BadFileError when the state folder cannot be written."""
    at = utc_text(SystemClock().now())
    lines = [json.dumps(_entry(each, at, file, gpus)) + "\n" for each in found]
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _path(state_dir).open("a", encoding="utf-8") as log:
            log.writelines(lines)
    except OSError as error:
        raise BadFileError(f"the score cannot be kept: {error}", hint="is the state folder writable?") from None


def read(state_dir: Path, file: Path) -> list[Entry]:
    """The scores of a file, oldest first; a line that a full disk cut off is left out."""
    path = _path(state_dir)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [entry for line in lines if (entry := _read(line)) and entry["file"] == str(file.resolve())]


def _entry(found: Validation, at: str, file: Path, gpus: str | None) -> Entry:
    return Entry(
        at=at, file=str(file.resolve()), service=found.service, engine_version=found.version, gpus=gpus,
        score=found.good, of=len(found.judgements),
        fails=[each.parameter for each in found.judgements if each.verdict is Verdict.FAILS],
    )  # fmt: skip


def _read(line: str) -> Entry | None:
    try:
        entry: Entry = json.loads(line)
    except ValueError:
        return None
    return entry


def _path(state_dir: Path) -> Path:
    return state_dir / "validations.jsonl"
