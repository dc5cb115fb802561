"""Machines that failed before and are not tried again for a while: a small file in the state folder.

Written by whoever saw a machine fail, read by whoever gathers offers. An entry ends by itself.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cloudgpu.base.clock import parse_utc, utc_text
from cloudgpu.planning.offers import Market

DEFAULT_STAY = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """One machine, until when it is left alone, and why."""

    provider: str
    machine_id: str
    until: datetime
    why: str


def block(
    state_dir: Path, provider: str, machine_id: str | None, why: str, now: datetime, stay: timedelta = DEFAULT_STAY
) -> None:
    """Leave this machine alone for a while. Nothing happens for a machine without a number.

    A file that cannot be written is no reason to fail: the machine may then be offered again.
    """
    if machine_id is None:
        return
    mine = Blocked(provider=provider, machine_id=machine_id, until=now + stay, why=why)
    others = [each for each in blocked_machines(state_dir, now)
              if (each.provider, each.machine_id) != (provider, machine_id)]  # fmt: skip
    _write(blocklist_path(state_dir), [*others, mine])


def unblock(state_dir: Path, machine_id: str, now: datetime) -> bool:
    """Try this machine again from now on. False when it was not on the list."""
    known = blocked_machines(state_dir, now)
    kept = [each for each in known if each.machine_id != machine_id]
    if len(kept) == len(known):
        return False
    _write(blocklist_path(state_dir), kept)
    return True


def blocked_machines(state_dir: Path, now: datetime) -> tuple[Blocked, ...]:
    """The machines that are left alone now; none when there is no list, or it cannot be read."""
    try:
        rows = json.loads(blocklist_path(state_dir).read_text(encoding="utf-8"))["machines"]
        found = [Blocked(provider=row["provider"], machine_id=row["machine_id"], until=parse_utc(row["until"]),
                         why=row["why"]) for row in rows]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
    return tuple(each for each in found if each.until > now)


def without_blocked(market: Market, state_dir: Path, now: datetime) -> Market:
    """The market with the machines that failed before marked: a plan refuses them, and says why."""
    known = blocked_machines(state_dir, now)
    return replace(market, blocked={**market.blocked, **_sentences(known)}) if known else market


def blocklist_path(state_dir: Path) -> Path:
    """Where the list is kept."""
    return state_dir / "blocked_machines.json"


def _sentences(known: tuple[Blocked, ...]) -> Mapping[tuple[str, str], str]:
    return {
        (each.provider, each.machine_id): f"{each.why}; left alone until {each.until:%Y-%m-%d %H:%M} UTC"
        for each in known
    }


def _write(path: Path, machines: list[Blocked]) -> None:
    rows = [
        {"provider": each.provider, "machine_id": each.machine_id, "until": utc_text(each.until), "why": each.why}
        for each in machines
    ]
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps({"machines": rows}, ensure_ascii=False, indent=1), encoding="utf-8")
        beside.replace(path)
