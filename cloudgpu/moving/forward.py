"""The steps forward: create the new side, warm it up, let the gates judge it, give it its share of the traffic.

Each is written down before it is done and can be repeated. No step waits for a canary: `advance` is called again when
one is due.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, ConflictError
from cloudgpu.moving.acts import Acts
from cloudgpu.moving.closing import finalize
from cloudgpu.moving.footing import SILENCE
from cloudgpu.moving.gates.verdict import Outcome, Verdict
from cloudgpu.moving.migration import Migration, Side
from cloudgpu.moving.recovery import LOOKS
from cloudgpu.moving.sides import asked, check_is_left, is_left, saved, stands_at, to_type, ways_now
from cloudgpu.moving.state import Ending, MigrationState


def go_forward(migration: Migration, acts: Acts) -> Migration:
    """As far as it goes now, from wherever the migration stands: to its first canary step, or to the promotion.

    Spends money. Raises CloudgpuError when the gates object (the migration then stays validating, nothing moved) and
    the error of a creation that failed (the migration is then aborted if nothing was left behind). A migration whose
    gates cannot tell comes back paused.
    """
    if migration.state is MigrationState.PLANNED:
        migration = saved(migration.at(MigrationState.PROVISIONING), acts)
    if migration.state is MigrationState.PROVISIONING:
        migration = _provision(migration, acts)
    if migration.state is MigrationState.WARMING:
        check_is_left(migration.new, acts, f"give it up: {to_type('abort', migration, acts)}")
        if is_left(migration.old, acts):
            migration = acts.share(migration)  # where the old side is reached may have changed since it was last said
        acts.warm_up(migration)
        migration = saved(migration.at(MigrationState.VALIDATING), acts)
    if migration.state is MigrationState.VALIDATING:
        migration = _validate(migration, acts)
    if migration.is_sharing:
        migration = shared(migration, acts)
    if migration.replaces and migration.state is MigrationState.PROMOTED and migration.untold is None:
        return finalize(migration, acts)
    return migration


def go_again(migration: Migration, acts: Acts) -> Migration:
    """Forward once more after a rollback, with the new side that is still alive: nothing is rented.

    Raises ConflictError when the migration was not rolled back, or the new side is no longer there.
    """
    if migration.state is not MigrationState.ROLLED_BACK or migration.ending:
        raise stands_at(migration, acts)
    check_is_left(migration.new, acts, f"close this migration first: {to_type('finalize', migration, acts)}")
    if is_left(migration.old, acts):
        migration = acts.share(migration)  # a rollback that was killed half-way is finished first
    again = replace(migration.at(MigrationState.VALIDATING), step=0, due=None, extended=0, recovery=None)
    return go_forward(saved(again, acts), acts)


def promote(migration: Migration, acts: Acts, *, full: bool = False, force: bool = False) -> Migration:
    """Go on from a pause or a canary step: to the next step, or with `full` to all of the traffic at once.

    A migration that the gates could not judge goes on because somebody says so. Raises ConflictError when there is
    nothing to promote, the new side is gone or does not answer, or it failed a look a short while ago and the old side
    answers (`force` goes on all the same).
    """
    if migration.standing not in (MigrationState.VALIDATING, MigrationState.CANARY) or migration.ending:
        raise _nothing_to_promote(migration, acts)
    if migration.state is MigrationState.VALIDATING:
        raise ConflictError(
            f"{migration.new.name} has not passed its gates",
            hint=f"see: {to_type('status', migration, acts)}; {ways_now(migration, acts)}",
        )
    check_is_left(migration.new, acts, f"give it up: {to_type('abort', migration, acts)}")
    if not acts.is_healthy(migration.new):
        raise ConflictError(
            f"{migration.new.name} {acts.found(migration.new) or SILENCE}, so it cannot take over",
            hint=ways_now(migration, acts),
        )
    if not force:
        _check_recovered(migration, acts)
    if migration.standing is MigrationState.VALIDATING:
        migration = _first_share(migration, acts, full=full)
    else:
        migration = next_share(migration, acts, full=full)
    return shared(migration, acts)


def shared(migration: Migration, acts: Acts) -> Migration:
    """The traffic goes as the migration says; a canary whose old side has ended meanwhile leaves all to the new one."""
    if migration.state is MigrationState.CANARY and not is_left(migration.old, acts) and is_left(migration.new, acts):
        migration = next_share(migration, acts, full=True)
    return acts.share(migration)


def next_share(migration: Migration, acts: Acts, *, full: bool = False) -> Migration:
    """The step after this one, written down: a larger share, or all of it. See `shared` for the traffic."""
    if full or migration.is_at_last_share:
        return _begin_share(migration.at(MigrationState.PROMOTED), acts)
    return _begin_share(replace(migration.at(MigrationState.CANARY), step=migration.step + 1), acts)


def share_ends(migration: Migration, acts: Acts) -> datetime | None:
    """When this share of the traffic has lasted for as long as was wished, from now on; None: somebody says so."""
    strategy = migration.strategy
    lasts = strategy.window_s if migration.state is MigrationState.PROMOTED else strategy.pause_s
    if strategy.way.stays_shared and migration.state is MigrationState.CANARY:
        lasts = None
    return None if lasts is None else acts.now(migration) + timedelta(seconds=lasts)


def _provision(migration: Migration, acts: Acts) -> Migration:
    if migration.replaces and acts.exists(migration.old):
        acts.detach(migration.old)
        acts.destroy(migration.old)
    if migration.replaces:
        acts.withdraw_address(migration)
    try:
        token = acts.provision(migration)
    except CleanupFailedError as error:
        failed = replace(migration, ending=Ending.ABORT).at(MigrationState.CLEANUP_FAILED)
        saved(replace(failed, problem=error.message), acts)
        raise
    except CloudgpuError as error:
        saved(_after_failed_creation(migration, error, acts), acts)
        raise
    created = replace(migration, new=Side(migration.new.name, token))
    return saved(created.at(MigrationState.WARMING), acts)


def _after_failed_creation(migration: Migration, error: CloudgpuError, acts: Acts) -> Migration:
    left = acts.exists(migration.new)
    state = MigrationState.PROVISIONING if left else MigrationState.ABORTED
    return replace(migration.at(state), problem=error.message)


def _validate(migration: Migration, acts: Acts) -> Migration:
    check_is_left(migration.new, acts, f"give it up: {to_type('abort', migration, acts)}")
    verdict = acts.validate(migration)
    migration = asked(replace(migration, verdict=verdict), acts)
    if verdict.outcome is Outcome.PASS or migration.force:
        return _first_share(migration, acts, full=False)
    if verdict.outcome is Outcome.INCONCLUSIVE:
        return saved(migration.paused(f"the gates cannot tell: {verdict.reason}"), acts)
    return _refused(migration, verdict, acts)


def _refused(migration: Migration, verdict: Verdict, acts: Acts) -> Migration:
    migration = saved(replace(migration, problem=verdict.reason), acts)
    old, new, ways = migration.old.name, migration.new.name, ways_now(migration, acts)
    if is_left(migration.old, acts):
        raise CloudgpuError(f"{old} keeps all requests: {verdict.reason}", hint=f"both still run and bill: {ways}")
    raise CloudgpuError(f"{new} has not passed its gates: {verdict.reason}", hint=f"it still runs and bills: {ways}")


def _first_share(migration: Migration, acts: Acts, *, full: bool) -> Migration:
    if full or not migration.strategy.steps or not is_left(migration.old, acts):
        return _begin_share(migration.at(MigrationState.PROMOTED), acts)
    return _begin_share(replace(migration.at(MigrationState.CANARY), step=0), acts)


def _begin_share(migration: Migration, acts: Acts) -> Migration:
    """From now on the new side is measured against what it has done so far."""
    begun = replace(migration, due=share_ends(migration, acts), baseline=acts.counts(migration), lately=None)
    return saved(begun, acts)


def _check_recovered(migration: Migration, acts: Acts) -> None:
    """Raise ConflictError while the new side has not passed for long enough and requests have the old one to go to."""
    recovery = migration.recovery
    if recovery is None or recovery.is_over(acts.now(migration)) or not acts.is_healthy(migration.old):
        return
    raise ConflictError(
        f"{migration.new.name} failed a look and has passed {recovery.looks} of {LOOKS} since, so its share stays",
        hint=f"each look counts: {to_type('follow --once', migration, acts)}; "
        f"all the same: {to_type('promote --force', migration, acts)}",
    )


def _nothing_to_promote(migration: Migration, acts: Acts) -> ConflictError:
    if migration.state is MigrationState.PROMOTED and not migration.ending:
        return ConflictError(
            f"{migration.new.name} has all the traffic of {migration.service} already", hint=ways_now(migration, acts)
        )
    return stands_at(migration, acts)
