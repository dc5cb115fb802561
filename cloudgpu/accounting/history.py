"""Everything that the events tell the accounts, gathered in one pass over them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting import life, moves
from cloudgpu.accounting.life import Life
from cloudgpu.accounting.moves import Move
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.money import usd


@dataclass(frozen=True, slots=True)
class Balance:
    """The prepaid money that was left at a provider when it was read."""

    provider: str
    at: datetime
    usd: Decimal


@dataclass(frozen=True, slots=True)
class TopUp:
    """Money paid in to a provider (or, negative, paid back), as the user said."""

    provider: str
    at: datetime
    usd: Decimal
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Lives and moves in the order they began; every balance that was read and every top-up, oldest first."""

    lives: tuple[Life, ...]
    moves: tuple[Move, ...]
    balances: tuple[Balance, ...]
    top_ups: tuple[TopUp, ...]

    def latest_balances(self) -> Mapping[str, Balance]:
        """The balance that was read last, by provider."""
        return {balance.provider: balance for balance in sorted(self.balances, key=lambda b: b.at)}


def read_history(events: Iterable[Event]) -> History:
    """One pass over the events, which may be a stream: nothing but what they come to is kept. Pure."""
    lives: dict[str, Life] = {}
    moved: dict[str, Move] = {}
    balances: list[Balance] = []
    top_ups: list[TopUp] = []
    for event in events:
        match event.kind:
            case EventKind.MIGRATION:
                moves.add(moved, event)
            case EventKind.BALANCE:
                balances.append(Balance(event.provider or "unknown", event.at, usd(event.data["usd"])))
            case EventKind.TOP_UP:
                top_ups.append(_top_up(event))
            case _:
                life.add(lives, event)
    return History(
        lives=tuple(lives.values()), moves=tuple(moved.values()), balances=tuple(balances), top_ups=tuple(top_ups)
    )


def _top_up(event: Event) -> TopUp:
    return TopUp(event.provider or "unknown", event.at, usd(event.data["usd"]), str(event.data.get("note") or ""))
