"""The scores that `validate-profile` gave, one JSON line each in the state folder."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

from cloudgpu.base.clock import SystemClock, utc_text
from cloudgpu.base.errors import BadFileError
from cloudgpu.serving.lint.case import Host
from cloudgpu.serving.lint.validation import Validation, Verdict


class Entry(TypedDict):
    """One service of a profile at one time. `gpus` None: nobody said what it runs on; `fails` are the parameters that
    fail, `values` what was set; `changed` says what is set differently since the entry of that service before.
    """

    at: str
    profile: str
    service: str
    engine_version: str
    gpus: str | None
    score: int
    of: int
    fails: list[str]
    values: dict[str, str]
    changed: NotRequired[list[str]]


def append(state_dir: Path, profile: str, found: Sequence[Validation], host: Host | None) -> None:
    """Keep the scores of a profile. Raises BadFileError when the state folder cannot be written."""
    at, gpus = utc_text(SystemClock().now()), f"{host.count}x {host.gpu.name}" if host else None
    lines = [json.dumps(_entry(each, at, profile, gpus)) + "\n" for each in found]
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _path(state_dir).open("a", encoding="utf-8") as log:
            log.writelines(lines)
    except OSError as error:
        raise BadFileError(f"the score cannot be kept: {error}", hint="is the state folder writable?") from None


def read(state_dir: Path, profile: str) -> list[Entry]:
    """The scores of a profile, oldest first; a line that a full disk cut off is left out."""
    path = _path(state_dir)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    kept = [entry for line in lines if (entry := _read(line)) and entry["profile"] == profile]
    before: dict[str, dict[str, str]] = {}
    for entry in kept:
        entry["changed"] = list(_changes(before.get(entry["service"]), entry["values"]))
        before[entry["service"]] = entry["values"]
    return kept


def _entry(found: Validation, at: str, profile: str, gpus: str | None) -> Entry:
    return Entry(
        at=at, profile=profile, service=found.service, engine_version=found.version, gpus=gpus,
        score=found.good, of=found.of,
        fails=[each.parameter for each in found.judgements if each.verdict is Verdict.FAILS],
        values={each.parameter: each.value for each in found.judgements if each.value is not None},
    )  # fmt: skip


def _changes(before: dict[str, str] | None, now: dict[str, str]) -> Iterator[str]:
    """Nothing for the first entry: there is none to compare with."""
    for name in () if before is None else dict.fromkeys((*before, *now)):
        old, new = (before or {}).get(name, "not set"), now.get(name, "not set")
        if old != new:
            yield f"{name}: {old} → {new}"


def _read(line: str) -> Entry | None:
    try:
        entry: Entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and entry.keys() >= {"profile", "values"} else None


def _path(state_dir: Path) -> Path:
    return state_dir / "validations.jsonl"
