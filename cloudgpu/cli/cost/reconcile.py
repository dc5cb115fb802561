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
    from cloudgpu.cli.cost.reading import days, read
    from cloudgpu.cli.cost.reconcile_view import show, show_json
    from cloudgpu.cli.forgotten_world import in_this_world
    from cloudgpu.cli.markets import check_providers
    from cloudgpu.cli.session import open_session

    wanted = check_providers(provider or ())
    first, _ = days(since, None)
    session = open_session()
    history, moments, notes, _ = read(session, offline=False)
    billed = [name for name in moments if name not in ("none", *NEVER_BILLED)]
    names = [name for name in billed if name in wanted or not wanted]
    history = in_this_world(session, history)
    statements = [_read_statement(session, history, name, first) for name in names]
    accounts = [_account(history, each, moments[each.provider]) for each in statements]
    for account in accounts:
        _close(session, account.days, moments[account.statement.provider])
    (show_json if json else show)(accounts, notes)
    if any(account.is_troubled for account in accounts):
        raise typer.Exit(1)


def statement_event(provider: "Provider", name: str, since: "datetime | None", now: "datetime") -> "Event":
    """The provider's bill for the whole account since a moment (None: 35 days ago). Calls the network.

    Its lines stand in the order of their ends, so that what changes until the next reading comes last.
    """
    from datetime import timedelta

    from cloudgpu.accounting.period import day_of
    from cloudgpu.base.clock import utc_text
    from cloudgpu.base.events import Event, EventKind
    from cloudgpu.base.money import exact_text

    start = since or day_of(now - timedelta(days=35))
    lines = [
        {"instance_id": line.instance_id, "meter": line.meter, "start": utc_text(line.start),
         "end": utc_text(line.end), "usd": exact_text(line.usd)}
        for line in sorted(provider.bill(None, start), key=lambda line: (line.end, line.start, line.instance_id))
    ]  # fmt: skip
    data = {"fetched_at": utc_text(now), "since": utc_text(start), "lines": lines}
    return Event(kind=EventKind.STATEMENT, at=now, provider=name, data=data)


def _read_statement(session: "Session", history: "History", name: str, first: "datetime | None") -> "Statement":
    """Read it, and write down what is new of it."""
    from cloudgpu.accounting.history import last_statement, whole_statement
    from cloudgpu.accounting.kept_bill import news_of_statement

    event = statement_event(session.provider(name), name, first, session.clock(name).now())
    fresh = news_of_statement(last_statement(history.statements, name), event)
    if fresh is not None:
        session.emit(fresh)
    return whole_statement(event)


def _account(history: "History", statement: "Statement", until: "datetime") -> "Account":
    from cloudgpu.accounting.reconcile import balance_checks, days, differences, strangers
    from cloudgpu.cli.cost.reconcile_view import Account

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
