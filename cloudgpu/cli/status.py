"""`cloudgpu status`: what is rented, what state it is in, what it costs."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudgpu.base.errors import CloudgpuError
    from cloudgpu.cli.session import Session
    from cloudgpu.running.deployment import Deployment


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("status")(status)


def status(
    offline: Annotated[bool, typer.Option("--offline", help="Only what is recorded; ask no provider.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Also those that are gone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show what is rented, as the providers show it now, and what it costs.

    Exit status 6 when something may bill that nobody can vouch for, or bills and no command waits for it to answer; 5
    when a provider could not be asked, 4 when it refuses the key.
    """
    from cloudgpu.cli import render
    from cloudgpu.cli.deployment_view import as_row, show_open_migrations, show_table, trouble
    from cloudgpu.cli.full_journal import acted, end_of_report
    from cloudgpu.cli.left_behind import left_behind
    from cloudgpu.cli.session import open_session
    from cloudgpu.running.deployment import is_left_behind

    session = open_session()
    shown, unasked = acted(session, lambda: _looked(session, every=every, offline=offline))
    shown = [each for each in shown if every or not each.state.is_final]
    if as_json:
        render.out_json({"deployments": [as_row(session, each) for each in shown]})
    elif shown:
        show_table(session, shown)
        show_open_migrations(session, shown)
    else:
        render.text("Nothing is rented.")
    alone = [each for each in shown if is_left_behind(each, session.store)]
    wrong = [each for each in shown if each in alone or trouble([each])]
    _end([*trouble(shown), *(left_behind(session, each) for each in alone)], _hint(session, wrong), unasked)
    if not offline:
        end_of_report(session)


def _looked(session: "Session", *, every: bool, offline: bool) -> "tuple[list[Deployment], dict[str, CloudgpuError]]":
    found = session.store.deployments(include_gone=every)
    return (found, {}) if offline else _refreshed(session, found)


def _refreshed(session: "Session", found: "list[Deployment]") -> "tuple[list[Deployment], dict[str, CloudgpuError]]":
    """The deployments as they are now, and sentences on what could not be asked, each with why."""
    from cloudgpu.base.errors import CloudgpuError
    from cloudgpu.cli.awake import awake
    from cloudgpu.cli.deployment_view import seen_words
    from cloudgpu.cli.forgotten_world import is_forgotten
    from cloudgpu.cli.looking import look_at

    shown, unasked = [], {}
    for now, problem in look_at(session, found):
        lost = is_forgotten(session, now.provider, now.account)
        if not now.state.is_final and not lost and not session.is_asleep(now.provider):
            try:
                now = awake(session, now)
            except CloudgpuError as error:
                problem = problem or error
        if problem:
            unasked[f"{now.name} is shown as it was {seen_words(session, now)}: {problem.message}"] = problem
        shown.append(now)
    return shown, unasked


def _hint(session: "Session", wrong: "Sequence[Deployment]") -> str:
    """What can be done about those; `down` is refused for a side of an open migration."""
    from cloudgpu.cli.sweeping import is_migrating

    sides = [each for each in wrong if is_migrating(session, each)]
    others = "remove it with cloudgpu down NAME, or look: cloudgpu gc" if len(sides) < len(wrong) else None
    migrating = "go on with a migration, or close it: cloudgpu migrate status" if sides else None
    return "; ".join(filter(None, ("cloudgpu status again in a minute", migrating, others)))


def _end(troubles: list[str], hint: str, unasked: "dict[str, CloudgpuError]") -> None:
    from cloudgpu.base.errors import worst_of
    from cloudgpu.cli import render

    for line in (*troubles, *unasked):
        render.alarm(line)
    if troubles:
        render.progress(f"Hint: {hint}")
        raise typer.Exit(6)
    worst = worst_of(unasked.values())
    if worst is not None:
        if worst.hint:
            render.progress(f"Hint: {worst.hint}")
        raise typer.Exit(worst.exit_status)
