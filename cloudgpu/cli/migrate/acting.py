"""Doing one thing to a migration: find it, ask if need be, hold its service, do it, tell."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from cloudgpu.cli import render
from cloudgpu.cli.migrate.outcome import show_outcome
from cloudgpu.cli.migrate.rental import agreed_again, request_again
from cloudgpu.cli.migrate.view import closing_question, show_new_verdict
from cloudgpu.cli.migrate.world import acts_on, at_work, meant_migration, read_again
from cloudgpu.cli.session import open_session
from cloudgpu.moving.acts import Acts
from cloudgpu.moving.migration import Migration, Side
from cloudgpu.moving.state import MigrationState

if TYPE_CHECKING:
    from cloudgpu.moving.hook import HookResult


def act(
    verb: str,
    which: str | None,
    deed: Callable[[Migration, Acts], Migration],
    *,
    ends: Callable[[Migration], Side] | None = None,
    goes_on: bool = False,
    yes: bool = True,
    as_json: bool = False,
) -> None:
    """Find the migration that is meant, hold its service, do it, and say how it ended.

    `ends` names the side that is destroyed, which is asked about. `goes_on` is for what goes forward from wherever the
    migration stands: it may rent the new side again (SPENDS MONEY only then), above the agreed price that is asked
    about too, and a pause or a rollback that it ends in is an error. Raises what the deed raises.
    """
    session = open_session()
    before = meant_migration(session, which)
    if ends and before.untold:
        render.progress(f"! {before.untold.told}. It is run once more; whether it fails or not, this goes on.")
    if ends and not yes and not render.confirm(closing_question(session, before, ends(before))):
        return render.text("Nothing was done.")
    agreed = agreed_again(session, before, yes=yes) if goes_on else before
    if agreed is None:
        return render.progress("Nothing was rented.")
    hooks: list[HookResult] = []
    try:
        with at_work(session, before, verb) as progress:
            acts = acts_on(session, before, progress, lambda each: request_again(session, each), hooks)
            now = read_again(session, before)
            migration = deed(replace(now, agreed=agreed.agreed) if goes_on else now, acts)
    finally:
        if not as_json:
            show_new_verdict(session, before)
    strict = goes_on and before.state is not MigrationState.ROLLED_BACK
    return show_outcome(session, migration, hooks, strict=strict, as_json=as_json, known=before.untold)
