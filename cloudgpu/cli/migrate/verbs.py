"""The verbs of `cloudgpu migrate`: what is done with a migration that is under way."""

from typing import TYPE_CHECKING, Annotated

import typer

from cloudgpu.cli.migrate.options import AsJson, Force, Which, Yes

if TYPE_CHECKING:
    from cloudgpu.moving.acts import Acts
    from cloudgpu.moving.migration import Migration


def status(
    which: Which = None,
    offline: Annotated[bool, typer.Option("--offline", help="Show what was recorded; ask nobody.")] = False,
    as_json: AsJson = False,
) -> None:
    """Where the open migration stands, what was found of both sides, and what can be done next.

    Looks at both sides, and at a regression of a new one that has requests it rolls back. It deletes nothing. Without a
    name each migration that is open is shown.
    """
    from cloudgpu.base.errors import NotFoundError
    from cloudgpu.cli import render
    from cloudgpu.cli.migrate.sight import look_once
    from cloudgpu.cli.migrate.standing import standing
    from cloudgpu.cli.migrate.view import as_json as json_of
    from cloudgpu.cli.migrate.view import show_status
    from cloudgpu.cli.migrate.world import all_migrations, meant_migrations
    from cloudgpu.cli.session import open_session

    session = open_session()
    try:
        found = meant_migrations(session, which)
    except NotFoundError:
        past = [each for each in all_migrations(session) if which in (None, each.migration_id, each.service)]
        if not past:
            raise
        found = past[-1:]
    seen = [standing(session, each if offline else look_once(session, each)) for each in found]
    if as_json:
        documents = [{"migration": json_of(each)} for each in seen]
        render.out_json({"migrations": documents} if len(documents) > 1 else documents[0])
    for number, each in enumerate(() if as_json else seen):
        if number:
            render.text()
        show_status(session, each)
    if any(each.may_bill for each in seen):
        raise typer.Exit(6)


def follow(
    which: Which = None,
    once: Annotated[bool, typer.Option("--once", help="One look, for cron or a systemd timer.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch it: take the steps that are due, go back at a regression, remove the old side when its time is over.

    An end that was cut off is finished. Without a name all that are open are watched; the worst gives the exit status.

    Ctrl-C stops the watching and nothing else. While nothing watches, a gateway still turns to the side that answers.
    """
    from cloudgpu.cli.migrate.sight import follow_it

    follow_it(which, once=once, as_json=as_json)


def promote(
    which: Which = None,
    full: Annotated[bool, typer.Option("--full", help="All requests at once, leaving out further steps.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also to a side that answers again but failed a look a short while ago.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Go on to the next share of the requests, or to all of them; also from a pause."""
    from cloudgpu.cli.migrate.acting import act
    from cloudgpu.moving import forward

    del yes  # it destroys nothing and there is a way back; accepted so that scripts can pass it to every verb

    def go_on(migration: "Migration", acts: "Acts") -> "Migration":
        return forward.promote(migration, acts, full=full, force=force)

    act("promote", which, go_on, as_json=as_json)


def pause(which: Which = None, as_json: AsJson = False) -> None:
    """Stay at this share of the requests until promote or resume."""
    from cloudgpu.cli.migrate.acting import act
    from cloudgpu.moving import way_back

    act("pause", which, way_back.pause, as_json=as_json)


def rollback(which: Which = None, force: Force = False, yes: Yes = False, as_json: AsJson = False) -> None:
    """Put the old side back in charge at once. Nothing is created, both stay alive."""
    from cloudgpu.cli.migrate.acting import act
    from cloudgpu.moving.way_back import roll_back

    del yes  # taking a step back is never asked about; accepted so that scripts can pass it to every verb
    act("rollback", which, lambda migration, acts: roll_back(migration, acts, force=force), as_json=as_json)


def finalize(which: Which = None, yes: Yes = False, as_json: AsJson = False) -> None:
    """Keep the side that is in charge and destroy the other: one is billed afterwards.

    An abort that was cut off is finished, as what it is.
    """
    from cloudgpu.cli.migrate.acting import act
    from cloudgpu.moving import closing

    act("finalize", which, closing.finalize, ends=lambda migration: migration.spare, yes=yes, as_json=as_json)


def abort(which: Which = None, force: Force = False, yes: Yes = False, as_json: AsJson = False) -> None:
    """Give the new side up and destroy it; the old one stays in charge, and must answer unless --force is given.

    Refused once finalize, or the end of the window, has begun: migrate resume finishes that.
    """
    from cloudgpu.cli.migrate.acting import act
    from cloudgpu.moving import closing

    def give_up(migration: "Migration", acts: "Acts") -> "Migration":
        return closing.abort(migration, acts, force=force)

    act("abort", which, give_up, ends=lambda migration: migration.new, yes=yes, as_json=as_json)


def resume(which: Which = None, force: Force = False, yes: Yes = False, as_json: AsJson = False) -> None:
    """Go on with a migration that was interrupted, or ask both sides again.

    Should the new side have to be rented for more than was agreed, shows the price and asks. Ends with 1 where it ends
    in a pause or a rollback, as `migrate` itself does.
    """
    from cloudgpu.cli.migrate.acting import act
    from cloudgpu.moving import resuming

    def go_on(migration: "Migration", acts: "Acts") -> "Migration":
        return resuming.resume(migration, acts, force=force)

    act("resume", which, go_on, goes_on=True, yes=yes, as_json=as_json)


def list_all(as_json: AsJson = False) -> None:
    """Every migration there was."""
    from cloudgpu.cli import render
    from cloudgpu.cli.migrate.standing import standing
    from cloudgpu.cli.migrate.view import as_json as json_of
    from cloudgpu.cli.migrate.view import show_list
    from cloudgpu.cli.migrate.world import all_migrations
    from cloudgpu.cli.session import open_session

    session = open_session()
    migrations = all_migrations(session)
    if as_json:
        render.out_json({"migrations": [json_of(standing(session, each)) for each in migrations]})
    else:
        show_list(migrations)
