"""The emulator's folder under the state directory, and what its files say."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cloudgpu.base.clock import parse_utc, utc_text
from cloudgpu.emulator.world.file import write_private


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningNote:
    """What an emulator writes down: where it listens, who it is, its clock's values, when on it it ended in order.

    `accounts` are those of its world, at Vast.ai and at RunPod (empty: not told), and `opened_at` is when that began.
    """

    url: str
    pid: int
    token: str
    speed: float
    seed: int
    origin: datetime
    real_origin: datetime
    accounts: tuple[str, ...]
    opened_at: datetime
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EmulatorFolder:
    """`<state_dir>/emulator`: world.json, runpod.json, emulator.json (last note), api_key, port, clock,
    emulator.log, lock."""

    path: Path

    def exists(self) -> bool:
        """Whether it is still there."""
        return self.path.is_dir()

    @property
    def world(self) -> Path:
        """Everything of Vast.ai's market that must survive."""
        return self.path / "world.json"

    @property
    def runpod(self) -> Path:
        """Everything of RunPod's."""
        return self.path / "runpod.json"

    @property
    def clock(self) -> Path:
        """The time of a clock that stands (speed 0)."""
        return self.path / "clock"

    @property
    def log(self) -> Path:
        """What the process printed."""
        return self.path / "emulator.log"

    @property
    def lock(self) -> Path:
        """Held by the one process that may change the world."""
        return self.path / "lock"

    def api_key(self) -> str:
        """The account's key, made at the first call and the same ever after."""
        file = self.path / "api_key"
        if not file.exists():
            write_private(file, secrets.token_hex(32).encode())
        return file.read_text(encoding="utf-8").strip()

    def last_port(self) -> int:
        """The port it listened on the last time; 0 when there is none."""
        try:
            return int((self.path / "port").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0

    def note_running(self, note: RunningNote, port: int) -> None:
        """Write down that it runs."""
        write_private(self.path / "port", str(port).encode())
        write_private(self.path / "emulator.json", json.dumps(_as_json(note)).encode())

    def note_stopped(self, now: datetime) -> None:
        """Write down that it ended in good order, and when on its clock."""
        note = self.note()
        if note is not None:
            write_private(self.path / "emulator.json", json.dumps(_as_json(replace(note, stopped_at=now))).encode())

    def note(self) -> RunningNote | None:
        """The last note: of an emulator that runs, was stopped, or was killed. None when there is none to be read."""
        try:
            return _from_json(json.loads((self.path / "emulator.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget_world(self) -> None:
        """Remove both worlds: the next start begins new ones."""
        self.world.unlink(missing_ok=True)
        self.runpod.unlink(missing_ok=True)
        self.clock.unlink(missing_ok=True)
        (self.path / "emulator.json").unlink(missing_ok=True)


def emulator_folder(state_dir: Path) -> EmulatorFolder:
    """The folder of a state directory; whoever only looks makes none."""
    return EmulatorFolder(state_dir / "emulator")


def made_folder(state_dir: Path) -> EmulatorFolder:
    """The same, made when it is missing, for its owner only. Raises OSError."""
    folder = emulator_folder(state_dir)
    folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _as_json(note: RunningNote) -> dict[str, Any]:
    return {
        "url": note.url,
        "pid": note.pid,
        "token": note.token,
        "speed": note.speed,
        "seed": note.seed,
        "origin": utc_text(note.origin),
        "real_origin": utc_text(note.real_origin),
        "accounts": list(note.accounts),
        "opened_at": utc_text(note.opened_at),
        "stopped_at": utc_text(note.stopped_at) if note.stopped_at else None,
    }


def _from_json(row: Mapping[str, Any]) -> RunningNote:
    return RunningNote(
        url=str(row["url"]),
        pid=int(row["pid"]),
        token=str(row["token"]),
        speed=float(row["speed"]),
        seed=int(row["seed"]),
        origin=parse_utc(row["origin"]),
        real_origin=parse_utc(row["real_origin"]),
        accounts=tuple(row.get("accounts") or ()),  # an emulator that another release started may still run
        opened_at=parse_utc(row.get("opened_at") or row["origin"]),
        stopped_at=parse_utc(row["stopped_at"]) if row.get("stopped_at") else None,
    )
