"""`cloudgpu down`: remove a deployment, and prove that it is gone."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cloudgpu.cli.session import Session
    from cloudgpu.cli.withdrawn import Redirected
    from cloudgpu.running.deployment import Deployment


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("down")(down)


def down(
    name: Annotated[str | None, typer.Argument(help="The deployment.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also a side of a migration that is not closed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree beforehand.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Remove a deployment and everything on it, wait until it is proved gone, and read its bill.

    The address of a service that it served is withdrawn: its host may be somebody else's tomorrow. Behind a gateway
    the other side of a migration gets all requests. A side of an open migration is removed by that migration's own
    commands; --force and --all remove it all the same, and who answers from then on is said.
    Exit status 6 when its end cannot be confirmed: it may still bill, and every command says so until it is settled.
    """
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli import render
    from cloudgpu.cli.deployment_view import as_row
    from cloudgpu.cli.full_journal import acted, not_noted
    from cloudgpu.cli.migrate.side import refuse_sides
    from cloudgpu.cli.session import open_session
    from cloudgpu.cli.the_deployment import the_deployment
    from cloudgpu.cli.withdrawn import say_who_answers

    if (name is None) is not every:
        raise UsageError("say which deployment to remove", hint="cloudgpu down NAME, or cloudgpu down --all")
    session = open_session()
    living = acted(session, lambda: _living(session, name))
    found = living or ([the_deployment(session, name)] if name else [])
    if name and not force:
        acted(session, lambda: refuse_sides(session, living))
    if found and not yes and not render.confirm(_question(found)):
        return render.progress("Nothing was removed.")
    gone, told = acted(session, lambda: _taken_down(session, _living(session, name), quiet=as_json))
    say_who_answers(session, gone, told)
    unnoted = not_noted(session)
    if unnoted is not None:
        raise unnoted
    if as_json:
        rows = [as_row(session, each) for each in gone]
        return render.out_json({"deployments": rows, "withdrawn": told.withdrawn, "heirs": told.heirs})
    return None if found else render.text("Nothing is rented.")


def _living(session: "Session", name: str | None) -> "list[Deployment]":
    return session.store.living(name) if name else session.store.deployments()


def _question(found: "list[Deployment]") -> str:
    names = ", ".join(f"{each.name} ({each.model})" for each in found)
    return f"Remove {names} and everything on {'it' if len(found) == 1 else 'them'}?"


def _taken_down(session: "Session", found: "list[Deployment]", *, quiet: bool) -> "tuple[list[Deployment], Redirected]":
    """Each in turn, and who gets the requests now; what fails keeps nothing else from being tried."""
    from cloudgpu.base.errors import CloudgpuError
    from cloudgpu.cli.full_journal import is_the_journals
    from cloudgpu.cli.withdrawn import Redirected, withdraw

    gone, failures = [], []
    for each in found:
        try:
            gone.append(_one(session, each, quiet=quiet))
        except CloudgpuError as error:
            failures.append(error)
    told = Redirected()
    try:
        told = withdraw(session)
    except CloudgpuError as error:
        failures.append(error)
    worst = max(failures, key=lambda failure: (is_the_journals(failure), failure.exit_status), default=None)
    for failure in failures:
        if failure is not worst:
            typer.echo(f"Error: {failure.message}", err=True)
    if worst is not None:
        raise worst
    return gone, told


def _one(session: "Session", deployment: "Deployment", *, quiet: bool) -> "Deployment":
    from cloudgpu.cli import render
    from cloudgpu.cli.forgotten_world import forgotten, is_forgotten
    from cloudgpu.running.deployment import Progress, take_down
    from cloudgpu.running.deployment.journal import Journal
    from cloudgpu.running.deployment.vitals import note_work
    from cloudgpu.running.deployment.write_off import write_off

    clock = session.clock(deployment.provider)
    if is_forgotten(session, deployment.provider, deployment.account):
        provider = session.provider(deployment.provider)
        journal = Journal(provider=provider, store=session.store, clock=clock, emit=session.emit)
        return _told(session, write_off(journal, deployment, forgotten(deployment.name).message), quiet=quiet)
    with render.live(clock) as shown:

        def on_progress(told: Progress) -> None:
            shown.phase(told.phase, told.detail)

        note_work(deployment, session.store, clock, session.emit)
        gone = take_down(
            deployment, provider=session.provider(deployment.provider), store=session.store, clock=clock,
            emit=session.emit, on_progress=on_progress,
        )  # fmt: skip
    return _told(session, gone, quiet=quiet)


def _told(session: "Session", gone: "Deployment", *, quiet: bool) -> "Deployment":
    from cloudgpu.cli import render

    if not quiet:
        render.text(f"{gone.name} {_cost_words(session, gone)}.")
    return gone


def _cost_words(session: "Session", gone: "Deployment") -> str:
    """What it cost, as far as that is known: a bill may come later than the end."""
    from cloudgpu.accounting.bill import NEVER_BILLED
    from cloudgpu.accounting.charge import Source
    from cloudgpu.cli import render
    from cloudgpu.cli.deployment_view import so_far

    if gone.instance_id is None:
        return "was never rented"
    spent = so_far(session, gone)
    is_final = spent.source is Source.PROVIDER or gone.provider in NEVER_BILLED
    until = "" if is_final else f" ({spent.source.value} until its bill tells: cloudgpu cost)"
    return f"is gone; it cost {render.money(spent.usd)}{until}"
