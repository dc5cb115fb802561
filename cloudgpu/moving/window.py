"""What happens by itself while both sides are alive: the next canary step, a rollback, the end of the way back.

Nothing here runs on its own. Whatever process is on calls `advance`: `migrate follow`, `resume`, `status`. While none
is, the gateway alone watches: it sends requests to the other side when one stops answering, and nothing is deleted.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from cloudgpu.moving.acts import Acts
from cloudgpu.moving.closing import finalize, finish
from cloudgpu.moving.footing import SILENCE
from cloudgpu.moving.forward import next_share, shared
from cloudgpu.moving.gates.verdict import Outcome
from cloudgpu.moving.lately import first_look
from cloudgpu.moving.live import Observation, judge_live
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.recovery import after_a_look
from cloudgpu.moving.sides import is_left, noted, saved, to_type
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.way_back import back_to_old

_LONGER = timedelta(minutes=3)
"""By so much a window is extended at least: a hook, and a side in doubt, are not asked all the time."""


def look(migration: Migration, acts: Acts) -> Migration:
    """Judge the new side by what it did in the last minutes; a regression goes back to the old side by itself.

    Deletes nothing and goes no step forward, but that a new side whose old one is gone gets everything. When the new
    side has no traffic, what is noted is who answers, and no more. What a hook could not be told is told again. A
    replacement that was cut off before its old side went leads requests there until it goes on.
    """
    if migration.ending or not (migration.is_sharing or migration.untold or migration.replaces):
        return noted(migration, acts)
    led = migration.new if migration.new_percent == 100 else migration.old
    if is_left(led, acts) or (migration.state is MigrationState.CANARY and is_left(migration.new, acts)):
        migration = shared(migration, acts)  # a move that was cut off is finished, a gateway that was lost is started
    if not migration.standing.is_watched or migration.baseline is None:
        return noted(migration, acts)
    seen = acts.observe(migration)
    lately = (migration.lately or first_look(migration.baseline, seen)).moved_on(seen)
    live = judge_live(migration.old.name, migration.new.name, migration.baseline, seen, since=lately.since)
    failed = live.outcome is Outcome.FAIL
    recovery = after_a_look(migration.recovery, failed=failed, at=seen.at)
    settled = not failed and migration.state.is_watched  # what paused it still holds
    migration = replace(
        migration,
        lately=lately,
        live=live,
        recovery=recovery,
        old_answers=seen.old_is_healthy,
        new_answers=seen.new_is_sound,
        old_found=acts.found(migration.old),
        new_found=acts.found(migration.new),
    )
    migration = saved(replace(migration, problem=None) if settled else migration, acts)
    if not failed:
        return migration
    if migration.strategy.auto_rollback and seen.old_is_healthy and is_left(migration.old, acts):
        return back_to_old(migration, acts, problem=f"rolled back by itself: {live.reason}")
    return saved(replace(migration, problem=_no_rollback(migration, seen, live.reason, acts)), acts)


def advance(migration: Migration, acts: Acts) -> Migration:
    """`look`, and then what is due: an end that was cut off, the next share of the traffic, or the end of the old side.

    The latter two only while the new side passes, and has passed for a while since it failed last; else the step waits,
    or the time of the old side is extended, and that is said; so it is while the hook could not be told of the move.
    Raises what `finalize` and `abort` raise.
    """
    migration = look(migration, acts)
    if migration.ending:
        return finish(migration, acts)
    if not migration.state.is_watched:
        return migration
    if migration.due is None or acts.now(migration) < migration.due:
        return migration
    return _next_step(migration, acts) if migration.state is MigrationState.CANARY else _end_of_window(migration, acts)


def _next_step(migration: Migration, acts: Acts) -> Migration:
    if migration.live is None or migration.live.outcome is not Outcome.PASS:
        reason = migration.live.reason if migration.live else "nothing was measured"
        return saved(replace(migration.paused(f"the next step waits: {reason}"), due=None), acts)
    now, recovery = acts.now(migration), migration.recovery
    if recovery is not None and not recovery.is_over(now):
        problem = f"the next step waits: {recovery.told(migration.new.name, 'it comes')}"
        return saved(replace(migration, due=recovery.next_due(now), problem=problem), acts)
    return shared(next_share(migration, acts), acts)


def _end_of_window(migration: Migration, acts: Acts) -> Migration:
    now, old, new, recovery = acts.now(migration), migration.old.name, migration.new.name, migration.recovery
    longer = max(timedelta(seconds=(migration.strategy.window_s or 0.0) / 2), _LONGER)
    if migration.live is None or migration.live.outcome is not Outcome.PASS:
        reason = migration.live.reason if migration.live else "nothing was measured"
        return _kept_longer(migration, now + longer, f"{old} is kept longer, because {new} is in doubt: {reason}", acts)
    if recovery is not None and not recovery.is_over(now):
        problem = f"{old} is kept longer: {recovery.told(new, f'{old} goes')}"
        return _kept_longer(migration, recovery.next_due(now), problem, acts)
    if migration.untold is not None:
        return _kept_longer(migration, now + longer, f"{old} is kept longer, because {migration.untold.told}", acts)
    return finalize(migration, acts)


def _kept_longer(migration: Migration, due: datetime, problem: str, acts: Acts) -> Migration:
    return saved(replace(migration, due=due, extended=migration.extended + 1, problem=problem), acts)


def _no_rollback(migration: Migration, seen: Observation, reason: str, acts: Acts) -> str:
    if not seen.old_is_healthy:
        found = migration.old_found if migration.old_found != SILENCE else None
        return f"{reason}; {migration.old.name} {found or f'{SILENCE} either'}, so nothing was moved"
    rollback = to_type("rollback", migration, acts)
    return f"{reason}; nothing was moved, because automatic rollback is off: {rollback}"
