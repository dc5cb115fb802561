"""Watching a migration: `migrate follow`, the waits of a canary, and the one look of `migrate status`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cloudgpu.base.clock import Clock, SystemClock
from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, StoppedByUserError, StoreError
from cloudgpu.cli import render
from cloudgpu.cli.migrate.outcome import Looked, show_outcome, show_outcomes
from cloudgpu.cli.migrate.rental import request_again
from cloudgpu.cli.migrate.shares import state_told
from cloudgpu.cli.migrate.world import LOOK, acts_on, at_work, meant_migrations, read_again, stopped
from cloudgpu.cli.session import Session, open_session
from cloudgpu.moving.gates.verdict import Outcome
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.window import advance, look

if TYPE_CHECKING:
    from cloudgpu.moving.acts import Acts
    from cloudgpu.moving.hook import HookResult

_EVERY_S = 15.0
_AT_LEAST_REAL_S = 0.5
_SAYS_EVERY = timedelta(minutes=5)
_ENDS_IT = (CleanupFailedError, StoppedByUserError, StoreError)
"""What a later look cannot make up for; a provider that is silent, or a gateway that cannot be started, it can."""


def follow_it(which: str | None, *, once: bool, as_json: bool) -> None:
    """Watch until nothing goes on by itself any more, or look once; all that are open where none is named.

    Ends as `show_outcome` says, or `show_outcomes` where several are open.
    """
    session = open_session()
    found = [_Watched(session, each, until=lambda seen: seen.due is None) for each in meant_migrations(session, which)]
    if once:
        _look_at_all(found)
    else:
        _watch_all(found)
    if len(found) > 1:
        return show_outcomes(session, [each.outcome for each in found], as_json=as_json)
    return show_outcome(session, found[0].migration, found[0].hooks, strict=True, as_json=as_json)


def watch(
    session: Session, migration: Migration, hooks: "list[HookResult]", *, until: Callable[[Migration], bool]
) -> Migration:
    """Look again and again, a quarter of a minute of the provider's clock apart, and say what changes.

    An end that has begun and could not be finished is tried again as well. What was seen is said at the first look, and
    every few minutes, so that whoever watches knows that it is watched.
    """
    watched = _Watched(session, migration, until=until, hooks=hooks)
    _watch_all([watched])
    return watched.migration


def look_once(session: Session, migration: Migration) -> Migration:
    """The migration after a look at its sides; as it was recorded when that cannot be."""
    if not migration.is_open:
        return migration
    try:
        seen = _turn(session, migration, look, [])
    except _ENDS_IT:
        raise
    except CloudgpuError as error:
        render.progress(f"Shown as it was recorded: {error.message}")
        return migration
    _tell(migration, seen)
    return seen


@dataclass(slots=True)
class _Watched:
    """A migration while it is watched, `until` it stands so. `error` is what ended that beside others."""

    session: Session
    migration: Migration
    until: Callable[[Migration], bool]
    hooks: "list[HookResult]" = field(default_factory=list)
    error: CloudgpuError | None = None
    said_at: datetime | None = None

    @property
    def goes_on(self) -> bool:
        """Whether a look may still change something by itself."""
        return self.error is None and _goes_on(self.migration) and not self.until(self.migration)

    @property
    def clock(self) -> Clock:
        """The provider's."""
        return self.session.clock(self.migration.provider)

    @property
    def left_s(self) -> float:
        """Until the next look, in seconds of that clock."""
        due = None if self.migration.ending else self.migration.due
        left_s = (due - self.clock.now()).total_seconds() if due else _EVERY_S
        return max(0.0, min(_EVERY_S, left_s))

    @property
    def outcome(self) -> Looked:
        """For `show_outcomes`."""
        return Looked(self.migration, self.hooks, self.error)

    def look_once(self) -> None:
        """One look, and what is due."""
        self.migration = _turn(self.session, self.migration, advance, self.hooks)

    def look(self) -> None:
        """The same, said where it saw something new, and every few minutes. What a later look can mend is only said."""
        before = self.migration
        try:
            self.look_once()
        except _ENDS_IT:
            raise
        except CloudgpuError as error:
            render.progress(f"This look came to nothing: {error.message}")
            self.migration = read_again(self.session, before)
        _tell(before, self.migration)
        now = self.clock.now()
        if _goes_on(self.migration) and (self.said_at is None or now - self.said_at >= _SAYS_EVERY):
            self.said_at = now
            render.progress(f"{now:%H:%M} UTC: {_seen(self.migration)}")

    def fail(self, error: CloudgpuError) -> None:
        """It is looked at no more, the others are."""
        self.error, self.migration = error, read_again(self.session, self.migration)


def _watch_all(found: "Sequence[_Watched]") -> None:
    """Look at each in turn until none of them goes on by itself."""
    if going := [each for each in found if each.goes_on]:
        stands = ". ".join(_stands(each.migration) for each in going)
        render.progress(f"Watching, a look every {_EVERY_S:.0f} s; Ctrl-C ends that alone. {stands}.")
    while going := [each for each in found if each.goes_on]:
        soonest = min(going, key=lambda each: each.left_s)
        try:
            soonest.clock.sleep(soonest.left_s)
            SystemClock().sleep(_AT_LEAST_REAL_S)
            for each in going:
                _beside(found, each, each.look)
        except KeyboardInterrupt:
            raise stopped(soonest.session, soonest.migration) from None


def _look_at_all(found: "Sequence[_Watched]") -> None:
    """One look at each."""
    for each in found:
        before = each.migration
        _beside(found, each, each.look_once)
        _tell_moves(before, each.migration)  # its problem is the error that this ends with


def _beside(found: "Sequence[_Watched]", each: _Watched, look: Callable[[], None]) -> None:
    """What goes wrong with one of several keeps nobody from looking at the others."""
    try:
        look()
    except (StoppedByUserError, StoreError):
        raise
    except CloudgpuError as error:
        if len(found) == 1:
            raise
        each.fail(error)


def _turn(
    session: Session, migration: Migration, act: "Callable[[Migration, Acts], Migration]", hooks: "list[HookResult]"
) -> Migration:
    with at_work(session, migration, LOOK) as progress:
        now = read_again(session, migration)
        return act(now, acts_on(session, now, progress, lambda each: request_again(session, each), hooks))


def _tell(before: Migration, now: Migration) -> None:
    """A line for each thing that changed by itself."""
    if now.problem and now.problem != before.problem:
        render.progress(f"! {now.problem}")
    _tell_moves(before, now)


def _tell_moves(before: Migration, now: Migration) -> None:
    if now.state is not before.state or now.step != before.step:
        render.progress(f"{_stands(now)}.")
    if now.due and before.due and now.extended != before.extended:
        render.progress(f"! {now.old.name} is kept until {now.due:%Y-%m-%d %H:%M} UTC.")


def _goes_on(migration: Migration) -> bool:
    return migration.ending is not None or migration.state.is_watched


def _stands(migration: Migration) -> str:
    """Its state, who gets what, and what is waited for."""
    if migration.ending and migration.is_open:
        return f"{state_told(migration)} and is being closed"
    return "; ".join(filter(None, (state_told(migration), _awaited(migration))))


def _awaited(migration: Migration) -> str:
    """What comes when; empty when somebody must say so."""
    if migration.due is None or not migration.is_open:
        return ""
    what = f"{migration.old.name} goes" if migration.state is MigrationState.PROMOTED else "the next step comes"
    return f"{what} after {migration.due:%H:%M} UTC"


def _seen(migration: Migration) -> str:
    """What the last look found, with the counters also while they are too few to judge."""
    checks = migration.live.checks if migration.live else ()
    found = [each.reason for each in checks if each.outcome is not Outcome.NOT_JUDGED or each.name == "errors"]
    return "; ".join(filter(None, (*found, _awaited(migration)))) or state_told(migration)
