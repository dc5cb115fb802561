"""Machines that failed before and are not tried again for a while: a small file in the state folder.

Written by whoever saw a machine fail, read by whoever gathers offers. An entry ends by itself.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cloudgpu.base.clock import parse_utc, utc_text
from cloudgpu.base.whole_file import write_whole
from cloudgpu.planning.offers.offer import Market

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

    `now` is the provider's own time. A file that cannot be written is no reason to fail: the machine may then be
    offered again.
    """
    if machine_id is None:
        return
    mine = Blocked(provider=provider, machine_id=machine_id, until=now + stay, why=why)
    _write(blocklist_path(state_dir), [*_without(_all(state_dir), provider, machine_id, now), mine])


def unblock(state_dir: Path, machine_id: str | None, provider: str | None = None) -> int:
    """Try this machine again from now on; None: all of them. `provider` None: at whichever. How many were taken off."""
    known = _all(state_dir)
    kept = [
        each
        for each in known
        if (machine_id is not None and each.machine_id != machine_id)
        or (provider is not None and each.provider != provider)
    ]
    if len(kept) < len(known):
        _write(blocklist_path(state_dir), kept)
    return len(known) - len(kept)


def blocked_machines(state_dir: Path, now: datetime) -> tuple[Blocked, ...]:
    """The machines that are left alone now; none when there is no list, or it cannot be read."""
    return tuple(each for each in _all(state_dir) if each.until > now)


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


def _all(state_dir: Path) -> tuple[Blocked, ...]:
    """Every entry, those whose time is over too: which they are depends on the provider's time."""
    try:
        rows = json.loads(blocklist_path(state_dir).read_text(encoding="utf-8"))["machines"]
        return tuple(Blocked(provider=row["provider"], machine_id=row["machine_id"], until=parse_utc(row["until"]),
                             why=row["why"]) for row in rows)  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def _without(known: tuple[Blocked, ...], provider: str, machine_id: str, now: datetime) -> list[Blocked]:
    """The list without this machine, and without what is over at its provider: another one's clock may differ."""
    return [each for each in known if each.provider != provider or (each.machine_id != machine_id and each.until > now)]


def _write(path: Path, machines: list[Blocked]) -> None:
    rows = [
        {"provider": each.provider, "machine_id": each.machine_id, "until": utc_text(each.until), "why": each.why}
        for each in machines
    ]
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"machines": rows}, ensure_ascii=False, indent=1))
