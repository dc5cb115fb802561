"""What the cost commands read before they tell: the journal, the providers' bills and what is left of the money."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import typer

from cloudgpu.accounting.bill import NEVER_BILLED, wants_bill
from cloudgpu.accounting.billing import Billing
from cloudgpu.accounting.history import Balance, History, Look, read_history
from cloudgpu.accounting.kept_bill import news
from cloudgpu.accounting.ledger import last_billed
from cloudgpu.accounting.life import Life
from cloudgpu.accounting.period import parse_day
from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import CloudgpuError, UsageError, worst_of
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.money import exact_text
from cloudgpu.cli.forgotten_world import balances_of_this_world, forgotten, is_forgotten
from cloudgpu.cli.session import EMULATED

if TYPE_CHECKING:
    from cloudgpu.cli.session import Session

_SECOND = timedelta(seconds=1)
_SETTLES = timedelta(minutes=10)
"""Both providers take the last of a rental from the balance, and bill it, some minutes after its end."""
_LONG_AGO, _FOR_EVER = datetime.min.replace(tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def read(
    session: "Session", *, offline: bool, at_once: bool = True, since: datetime | None = None
) -> tuple[History, dict[str, datetime], list[str], CloudgpuError | None]:
    """The history after everything was looked at again: what is rented, its bills, the balances, engines' counters.

    With the moment up to which each provider's charges are told, taken before the bills are read, so that they reach
    it; notes on what could not be read; and the worst of what kept something that may bill from being shown by its
    provider, or on its bill (None: nothing did). `since` (None: ever) leaves out the balance of a provider where
    nothing was rented since; `at_once` writes each reading of a counter down.
    """
    unseen: dict[str, CloudgpuError] = {}
    if not offline and session.looks():  # what is all over needs no database library: a report is quick without it
        unseen = _look(session)
        _read_counters(session, at_once=at_once)
    history = read_history(session.events())
    lost = [forgotten(life.deployment) for life in history.lives if _is_lost(session, life)]
    notes = [f"{each.message}: {each.hint}." for each in lost]
    history = _settled(session, history)
    moments = _moments(session, history)
    if offline:
        return _with_looks(session, history, moments), moments, notes, None
    asleep = {name for name in {life.provider for life in history.lives} if session.is_asleep(name)}
    silent = _read_bills(session, history, asleep)
    unchanged = _read_balances(session, history, since, {*silent, *asleep})
    unread = [
        f"The bill of {name} could not be read, so its newest figures are metered: {why.message}."
        for name, why in silent.items()
    ]
    if session.may_have_written:  # else nothing is new, and a report is quick that reads the journal once
        history = _settled(session, read_history(session.events()))
    history = replace(history, balances=(*history.balances, *unchanged))
    untold = [silent[life.provider] for life in history.lives if life.provider in silent and _may_bill(life)]
    worst = worst_of([*unseen.values(), *untold])
    return _with_looks(session, history, moments), moments, [*notes, *unseen, *unread], worst


def bounded(moments: Mapping[str, datetime], last: datetime | None) -> dict[str, datetime]:
    """The moments, none of them later than `last` (None: as they are)."""
    return {name: moment if last is None else min(moment, last) for name, moment in moments.items()}


def days(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """What `--since` and `--until` mean. Raises UsageError for what is no day, and for an end before its beginning."""
    first = None if since is None else day(since, "--since", end=False)
    last = None if until is None else day(until, "--until", end=True)
    if first is not None and last is not None and last <= first:
        raise UsageError(f"--until {until} lies before --since {since}", hint="give the earlier day first")
    return first, last


def day(text: str, option: str, *, end: bool) -> datetime:
    """What was typed for a day or a time of UTC; as an end, a day alone means its last moment. Raises UsageError."""
    try:
        return parse_day(text, end=end)
    except ValueError:
        raise UsageError(f"{option} {text!r} is no day", hint="write 2026-11-01 or 2026-11-01T14:30") from None


def end_of(billing: Sequence[Billing], *, unasked: CloudgpuError | None) -> None:
    """Exit status 6 when something may bill that nobody can vouch for; else that of why no provider told of it."""
    if any(each.cleanup_failed or not each.certain for each in billing):
        typer.echo("Something may bill that nobody can vouch for: cloudgpu status", err=True)
        raise typer.Exit(6)
    if unasked:
        typer.echo("Something may bill that its provider did not tell of: cloudgpu status", err=True)
        if unasked.hint:
            typer.echo(f"Hint: {unasked.hint}", err=True)
        raise typer.Exit(unasked.exit_status)


def _look(session: "Session") -> dict[str, CloudgpuError]:
    """Look at everything that is not over, at its provider; sentences on what could not be seen, each with why."""
    from cloudgpu.cli.looking import look_at  # SQLAlchemy and requests come with it

    there = [each for each in session.store.deployments() if not is_forgotten(session, each.provider, each.account)]
    looked = look_at(session, there)
    return {
        f"{each.name} is counted as it was seen last: {problem.message}.": problem
        for each, problem in looked
        if problem
    }


def _settled(session: "Session", history: History) -> History:
    """The history, in which what a forgotten world took along ended when it was seen last: nothing of it bills."""
    if not any(life.provider in EMULATED for life in history.lives):
        return history
    lives = history.lives
    if any(map(partial(_is_lost, session), lives)):
        seen = session.looks()
        lives = tuple(_ended(life, seen.get(life.token)) if _is_lost(session, life) else life for life in lives)
    return replace(history, lives=lives, balances=balances_of_this_world(session, history))


def _is_lost(session: "Session", life: Life) -> bool:
    return _may_bill(life) and is_forgotten(session, life.provider, life.account)


def _ended(life: Life, seen_at: datetime | None) -> Life:
    end = max(life.began, life.shown_until or seen_at or life.began)
    return replace(life, gone_at=end, gone_earliest=end, vanished=True, cleanup_failed=False)


def _may_bill(life: Life) -> bool:
    return life.gone_at is None and not life.abandoned


def _with_looks(session: "Session", history: History, moments: Mapping[str, datetime]) -> History:
    """The history with when each life was last shown, and how long ago that is: a bill may reach beyond now."""
    found, looks = session.looks(), {}
    for life in history.lives:
        seen_at = found.get(life.token)
        if seen_at is not None:
            now = min(moments[life.provider], session.clock(life.provider).now())
            looks[life.token] = Look(seen_at, max(0, (now - seen_at) // _SECOND))
    return replace(history, looks=looks)


def _read_bills(session: "Session", history: History, asleep: set[str]) -> dict[str, CloudgpuError]:
    """Read what may have grown; which providers did not answer, and why. A stopped emulator bills nothing."""
    silent: dict[str, CloudgpuError] = {}
    for life in history.lives:
        if life.provider in {*silent, *asleep} or not wants_bill(life, session.clock(life.provider).now()):
            continue
        if is_forgotten(session, life.provider, life.account):  # its number is another instance's there
            continue
        try:
            _read_bill(session, life)
        except CloudgpuError as error:
            silent[life.provider] = error
    return silent


def _read_bill(session: "Session", life: Life) -> None:
    from cloudgpu.running.deployment import read_bill  # SQLAlchemy and requests come with it

    def keep(event: Event) -> None:
        fresh = news(life, event)
        if fresh is not None:
            session.emit(fresh)

    deployment = session.store.life(life.token)
    if deployment is not None:
        read_bill(deployment, session.provider(life.provider), keep, session.clock(life.provider))


def _read_balances(session: "Session", history: History, since: datetime | None, silent: set[str]) -> list[Balance]:
    """Record the prepaid money wherever something was rented in this time, when it changed; those that did not change.

    The end of a rental is taken from it after its last look, so it is read when nothing bills any more, too; once it
    was read after that, nothing of ours changes it. A provider that does not tell spoils nothing.
    """
    known, unchanged = history.latest_balances(), []
    rented = {life.provider for life in history.lives if since is None or life.gone_at is None or life.gone_at >= since}
    settled = {name for name in rented if name in known and known[name].at >= _last_change(history, name) + _SETTLES}
    for name in sorted(rented - settled - silent - set(NEVER_BILLED)):
        try:
            left = session.provider(name).balance_usd()
            now = session.clock(name).now()
        except CloudgpuError:
            continue
        if name in known and known[name].usd == left:
            unchanged.append(Balance(name, now, left))
        else:
            session.emit(Event(kind=EventKind.BALANCE, at=now, provider=name, data={"usd": exact_text(left)}))
    return unchanged


def _last_change(history: History, provider: str) -> datetime:
    """The last moment at which what is ours, or was paid in, can have changed a balance: for ever, while it bills."""
    ends = [life.gone_at or _FOR_EVER for life in history.lives if life.provider == provider and not life.abandoned]
    return max([*ends, *(paid.at for paid in history.top_ups if paid.provider == provider)], default=_LONG_AGO)


def _read_counters(session: "Session", *, at_once: bool) -> None:
    """What a million tokens cost follows from the counters of engines. One that is silent spoils nothing."""
    from cloudgpu.running.deployment.vitals import note_work

    for each in session.store.deployments():
        if is_forgotten(session, each.provider, each.account):
            continue
        note_work(each, session.store, session.clock(each.provider), session.emit, at_once=at_once)


def _moments(session: "Session", history: History) -> dict[str, datetime]:
    """Each provider's now: its clock's, or the end of its last billed line where that is later."""
    names = sorted({life.provider for life in history.lives})
    return {name: _moment(session, name, history) for name in names} or {"none": SystemClock().now()}


def _moment(session: "Session", name: str, history: History) -> datetime:
    """The clock of an emulator that was killed tells nothing: its time ended at some moment after the last event."""
    lives = [life for life in history.lives if life.provider == name]
    if name in EMULATED and _emulator_was_killed(session):
        return max(event.at for event in session.events() if event.provider == name)
    return last_billed(lives, session.clock(name).now())


def _emulator_was_killed(session: "Session") -> bool:
    last = session.emulator_status()
    return last is None or (last.stopped_at is None and not session.emulator_runs())
