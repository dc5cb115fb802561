"""The world on disk: everything that must survive a kill, in one JSON file that is only ever replaced whole."""

import os
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudgpu.base.errors import BadFileError
from cloudgpu.emulator.faults.fault import Fault
from cloudgpu.emulator.fleet.change import MarketChange
from cloudgpu.emulator.instances.instance import Instance

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Something that an account keeps beside its instances: a registry, a template, a volume, a cluster."""

    kind: str
    key: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldState:
    """The facts of a world. `opened_at` is when its market was drawn, `market` the market's
    fingerprint (another release may draw another one from the same seed); `saved_at` the time of the last change.
    `broke_at` is when the money was used up, None while some is left. `account_id` is who rents here: every world
    has an account of its own."""

    version: int = 1
    seed: int
    market: str
    opened_at: datetime
    saved_at: datetime
    credit_usd: Decimal
    account_id: int = 424_242
    next_instance_id: int
    next_fault_id: int = 1
    instances: tuple[Instance, ...] = ()
    faults: tuple[Fault, ...] = ()
    market_changes: tuple[MarketChange, ...] = ()
    broke_at: datetime | None = None
    kept: tuple[Kept, ...] = ()


def save_world(state: WorldState, path: Path) -> None:
    """Replace the file; readable by its owner only, for environments of instances hold secrets."""
    write_private(path, _adapter().dump_json(state))


def load_world(path: Path) -> WorldState | None:
    """The saved world, None when there is none. Raises BadFileError when the file is damaged."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return _adapter().validate_json(text)
    except ValueError:
        raise BadFileError(
            f"the emulator's world file {path} cannot be read",
            hint="begin a new world with `cloudgpu emulator start --fresh`",
        ) from None


def write_private(path: Path, content: bytes) -> None:
    """Replace a file whole, so that no reader and no kill ever meets half of it; mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    partial.replace(path)


@cache
def _adapter() -> "TypeAdapter[WorldState]":
    from pydantic import TypeAdapter  # only a process that holds a world needs it

    return TypeAdapter(WorldState)
