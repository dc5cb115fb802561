"""Migrations as the ledger sees them: which side's money was the price of changing over, and when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cloudgpu.accounting.charge import Charge, Purpose, cut
from cloudgpu.accounting.life import Life
from cloudgpu.base.events import Event, EventKind

_OLD_IN_CHARGE = {
    "planned", "provisioning", "warming", "validating", "paused", "canary", "rolled_back",
}  # fmt: skip
_NEW_IN_CHARGE = {"promoted"}
_OVER = {"stable", "aborted"}


@dataclass(slots=True, kw_only=True)
class Move:
    """One migration: the names of both sides, and each state it entered with the moment. Filled by `add`."""

    migration_id: str
    old: str
    new: str
    steps: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def began(self) -> datetime:
        """When it was written down first."""
        return self.steps[0][0]

    @property
    def ended(self) -> datetime | None:
        """When it was over; None while it is open."""
        return next((at for at, state in self.steps if state in _OVER), None)


@dataclass(frozen=True, slots=True)
class Mark:
    """From this moment on a life's money is for this purpose."""

    start: datetime
    purpose: Purpose
    migration: str | None


def add(moves: dict[str, Move], event: Event) -> None:
    """Take a MIGRATION event into the moves, by their id."""
    if event.kind is not EventKind.MIGRATION:
        return
    data = event.data
    move = moves.setdefault(
        data["migration_id"], Move(migration_id=data["migration_id"], old=data["from"], new=data["to"])
    )
    if not move.steps or move.steps[-1][1] != data["state"]:
        move.steps.append((event.at, data["state"]))


def marks(life: Life, moves: Iterable[Move]) -> list[Mark]:
    """What a life's money was for, and from when on, in order of time. Empty: for serving, always."""
    if life.ready_at is None and (life.gone_at or life.destroy_requested_at):
        return [Mark(life.began, Purpose.FAILED_TRY, _cause(life, moves))]
    found = [mark for move in moves for mark in _of_move(life, move)]
    return sorted(found, key=lambda mark: mark.start)


def attributed(charge: Charge, marked: Sequence[Mark]) -> list[Charge]:
    """The charge in pieces, each with the purpose and the migration that held in its time; their sum is the charge."""
    return [_labelled(piece, marked) for piece in cut(charge, [mark.start for mark in marked])]


def _labelled(charge: Charge, marked: Sequence[Mark]) -> Charge:
    mark = next((mark for mark in reversed(marked) if mark.start <= charge.start), None)
    if mark is None or (mark.purpose is Purpose.SERVING and mark.migration is None):
        return charge
    return charge.labelled(mark.purpose, mark.migration)


def _cause(life: Life, moves: Iterable[Move]) -> str | None:
    return next((move.migration_id for move in moves if _is_new(life, move)), None)


def _of_move(life: Life, move: Move) -> list[Mark]:
    if _is_new(life, move):
        return [*_sides(move, _OLD_IN_CHARGE, Purpose.DOUBLE_RUN, life.began)]
    if _is_old(life, move):
        return [*_sides(move, _NEW_IN_CHARGE, Purpose.ROLLBACK_WINDOW, move.began)]
    return []


def _sides(move: Move, spare_in: set[str], purpose: Purpose, since: datetime) -> Iterable[Mark]:
    """The marks of a side that is a spare in some states: what it was last, it stays until its end."""
    spare: bool | None = None
    for at, state in move.steps:
        if state not in _OLD_IN_CHARGE | _NEW_IN_CHARGE or (state in spare_in) is spare:
            continue
        spare = state in spare_in
        start = max(at, since)
        yield Mark(start, purpose, move.migration_id) if spare else Mark(start, Purpose.SERVING, None)


def _is_new(life: Life, move: Move) -> bool:
    return life.deployment == move.new and move.began <= life.began and (move.ended is None or life.began < move.ended)


def _is_old(life: Life, move: Move) -> bool:
    return (
        life.deployment == move.old and life.began < move.began and (life.gone_at is None or life.gone_at > move.began)
    )
