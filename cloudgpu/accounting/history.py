"""Everything that the events tell the accounts, gathered in one pass over them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting import alert, life, moves, served
from cloudgpu.accounting.alert import Alert, Alerts
from cloudgpu.accounting.budget import Budget, budget_from
from cloudgpu.accounting.life import BillLine, Life
from cloudgpu.accounting.moves import Move
from cloudgpu.accounting.served import EngineLog
from cloudgpu.base.clock import parse_utc
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.money import usd


@dataclass(frozen=True, slots=True)
class Balance:
    """The prepaid money that was left at a provider when it was read."""

    provider: str
    at: datetime
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Look:
    """When a provider last showed an instance, and how many seconds ago that was on its clock."""

    at: datetime
    ago_s: int


@dataclass(frozen=True, slots=True)
class TopUp:
    """Money paid in to a provider (or, negative, paid back), as the user said."""

    provider: str
    at: datetime
    usd: Decimal
    note: str


@dataclass(frozen=True, slots=True)
class Statement:
    """The provider's bill for the whole account since a moment, as it was read. Lines by instance."""

    provider: str
    fetched_at: datetime
    since: datetime
    lines: tuple[tuple[str, BillLine], ...]


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A day on which ledger and bill agree for good. `adjustment_usd` is what the bill says beyond the meter."""

    provider: str
    day: str
    metered_usd: Decimal
    billed_usd: Decimal
    adjustment_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Lives and moves in the order they began; all else oldest first, as it was read or said.

    `engines` holds what the engine of a life said of its work, by its token, `looks` when a life that is not over was
    last shown: events tell only what changed, so that is not among them. `budget` is the one that was set last; None:
    there is none.
    """

    lives: tuple[Life, ...]
    moves: tuple[Move, ...]
    balances: tuple[Balance, ...]
    top_ups: tuple[TopUp, ...]
    statements: tuple[Statement, ...]
    closed_days: tuple[ClosedDay, ...]
    engines: Mapping[str, EngineLog]
    budget: Budget | None
    alerts: Alerts
    looks: Mapping[str, Look] = field(default_factory=dict)

    def latest_balances(self) -> Mapping[str, Balance]:
        """The balance that was read last, by provider."""
        return {balance.provider: balance for balance in sorted(self.balances, key=lambda b: b.at)}


def last_statement(statements: Sequence[Statement], provider: str | None) -> Statement | None:
    """The one that was read last of a provider's; None: none was."""
    return next((each for each in reversed(statements) if each.provider == provider), None)


def statement_after(known: Statement | None, event: Event) -> Statement | None:
    """The whole statement of a STATEMENT event; `known` is the one before it of this provider.

    None of one that was written down as the difference from another (two commands read it side by side).
    """
    written = whole_statement(event)
    lines = life.all_lines((known.fetched_at, known.lines) if known else None, event.data, written.lines)
    return None if lines is None else replace(written, lines=lines)


def whole_statement(event: Event) -> Statement:
    """The statement of a STATEMENT event that holds all of its lines."""
    data = event.data
    lines = tuple((str(line["instance_id"]), life.bill_line(line)) for line in data["lines"])
    return Statement(event.provider or "unknown", parse_utc(data["fetched_at"]), parse_utc(data["since"]), lines)


def read_history(events: Iterable[Event]) -> History:
    """One pass over the events, which may be a stream: nothing but what they come to is kept. Pure."""
    lives: dict[str, Life] = {}
    moved: dict[str, Move] = {}
    engines: dict[str, EngineLog] = {}
    account = _Account()
    for event in events:
        match event.kind:
            case EventKind.OBSERVED:  # first: most of a long history is looks
                life.add(lives, event)
            case EventKind.MIGRATION:
                moves.add(moved, event)
            case EventKind.WORKED:
                served.add(engines, event)
            case _ if event.token is None:
                account.add(event)
            case _:
                life.add(lives, event)
    return History(
        lives=tuple(lives.values()), moves=tuple(moved.values()), engines=engines, balances=tuple(account.balances),
        top_ups=tuple(account.top_ups), statements=tuple(account.statements), closed_days=tuple(account.closed_days),
        budget=account.budget, alerts=account.alerts,
    )  # fmt: skip


@dataclass(slots=True)
class _Account:
    """What concerns a whole account or journal, no single instance, as it is read."""

    balances: list[Balance] = field(default_factory=list)
    top_ups: list[TopUp] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    closed_days: list[ClosedDay] = field(default_factory=list)
    budget: Budget | None = None
    alerts: dict[str, Alert] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        match event.kind:
            case EventKind.BALANCE:
                self.balances.append(Balance(event.provider or "unknown", event.at, usd(event.data["usd"])))
            case EventKind.TOP_UP:
                self.top_ups.append(_top_up(event))
            case EventKind.STATEMENT:
                read = statement_after(last_statement(self.statements, event.provider), event)
                self.statements += [] if read is None else [read]
            case EventKind.DAY_CLOSED:
                self.closed_days.append(_closed(event))
            case EventKind.BUDGET:
                self.budget = budget_from(event.data)
            case EventKind.ALERTED | EventKind.ALERT_SENT:
                alert.add(self.alerts, event)


def _top_up(event: Event) -> TopUp:
    return TopUp(event.provider or "unknown", event.at, usd(event.data["usd"]), str(event.data.get("note") or ""))


def _closed(event: Event) -> ClosedDay:
    data = event.data
    amounts = (usd(data[name]) for name in ("metered_usd", "billed_usd", "adjustment_usd"))
    return ClosedDay(event.provider or "unknown", data["day"], *amounts)
