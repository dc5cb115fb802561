"""`cloudgpu cost reconcile`: the provider's bill beside the ledger."""

from typing import TYPE_CHECKING, Annotated

import typer

from cloudgpu.cli.cost.report import Since

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cloudgpu.accounting.history import History, Statement
    from cloudgpu.accounting.reconcile import Day
    from cloudgpu.base.events import Event
    from cloudgpu.cli.cost.reconcile_view import Account
    from cloudgpu.cli.session import Session
    from cloudgpu.running.providers.base import Provider


def reconcile(
    since: Since = None,
    provider: Annotated[list[str] | None, typer.Option(help="Only this provider; repeatable.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Lay the provider's bill beside the ledger, day by day, and close the days on which they agree for good.

    Without --since, the last 35 days. Exit status 1 when a day or the balance differs, a day was not seen, a closed
    day's bill changed, or something is on the bill that was never made here; 5 when a provider could not be asked,
    4 when it refuses the key.
    """
    from cloudgpu.accounting.bill import NEVER_BILLED
    from cloudgpu.accounting.history import read_history
    from cloudgpu.cli.cost.reading import days, read
    from cloudgpu.cli.cost.reconcile_view import show, show_json
    from cloudgpu.cli.markets import check_providers
    from cloudgpu.cli.session import open_session

    wanted = check_providers(provider or ())
    first, _ = days(since, None)
    session = open_session()
    history, moments, notes, _ = read(session, offline=False)
    billed = [name for name in moments if name not in ("none", *NEVER_BILLED)]
    names = [name for name in billed if name in wanted or not wanted]
    for name in names:
        session.emit(statement_event(session.provider(name), name, first, session.clock(name).now()))
    history = read_history(session.store.events())
    accounts = [_account(history, name, moments[name]) for name in names]
    for account in accounts:
        _close(session, account.days, moments[account.statement.provider])
    (show_json if json else show)(accounts, notes)
    if any(account.is_troubled for account in accounts):
        raise typer.Exit(1)


def statement_event(provider: "Provider", name: str, since: "datetime | None", now: "datetime") -> "Event":
    """The provider's bill for the whole account since a moment (None: 35 days ago), as received. Calls the network."""
    from datetime import timedelta

    from cloudgpu.accounting.period import day_of
    from cloudgpu.base.clock import utc_text
    from cloudgpu.base.events import Event, EventKind
    from cloudgpu.base.money import exact_text

    start = since or day_of(now - timedelta(days=35))
    lines = [
        {"instance_id": line.instance_id, "meter": line.meter, "start": utc_text(line.start),
         "end": utc_text(line.end), "usd": exact_text(line.usd)}
        for line in provider.bill(None, start)
    ]  # fmt: skip
    data = {"fetched_at": utc_text(now), "since": utc_text(start), "lines": lines}
    return Event(kind=EventKind.STATEMENT, at=now, provider=name, data=data)


def _account(history: "History", name: str, until: "datetime") -> "Account":
    from cloudgpu.accounting.reconcile import balance_checks, days, differences, strangers
    from cloudgpu.cli.cost.reconcile_view import Account

    statement: Statement = next(each for each in reversed(history.statements) if each.provider == name)
    found = differences(history, statement, until)
    return Account(
        statement=statement, differences=tuple(found), days=tuple(days(history, found, statement)),
        strangers=tuple(strangers(history, statement)), balances=tuple(balance_checks(history, statement)),
    )  # fmt: skip


def _close(session: "Session", found: "Sequence[Day]", now: "datetime") -> None:
    """Write down, once, that a day is settled, with the one row that makes the meter equal the bill."""
    from cloudgpu.accounting.reconcile.days import DayState
    from cloudgpu.base.events import Event, EventKind
    from cloudgpu.base.money import exact_text

    for day in found:
        if day.state is DayState.READY:
            data = {
                "day": day.day, "metered_usd": exact_text(day.metered_usd), "billed_usd": exact_text(day.billed_usd),
                "adjustment_usd": exact_text(day.adjustment_usd),
            }  # fmt: skip
            session.emit(Event(kind=EventKind.DAY_CLOSED, at=now, provider=day.provider, data=data))
