"""`cloudgpu gc`: find what bills though nothing wants it, and remove it on request."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("gc")(gc)


def gc(
    provider: Annotated[
        list[str] | None,
        typer.Option(help="Where to look; default: wherever there is a key, and an emulator that runs."),
    ] = None,
    destroy: Annotated[bool, typer.Option("--destroy", help="Remove what is ours and unwanted.")] = False,
    expired: Annotated[
        bool,
        typer.Option(
            "--expired",
            help="With --destroy: also those whose lease is over without an end (--ttl) having been asked for.",
        ),
    ] = False,
    foreign: Annotated[
        bool, typer.Option("--foreign", help="With --destroy: also those of other installations of cloudgpu.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree beforehand.")] = False,
    unlock: Annotated[
        str | None, typer.Option(metavar="LOCK", help="Remove the lock of a machine that is no more.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Settle what an interrupted command left behind, and list instances that bill though nothing wants them.

    Only labels of cloudgpu's exact form count; whatever else the account has is none of its business. Reports, and
    removes nothing without --destroy. Exit status 6 when something unwanted may still bill, or something bills and no
    command waits for it to answer.
    """
    from cloudgpu.cli.gc import run
    from cloudgpu.cli.session import open_session

    session = open_session()
    if unlock is not None:
        return run.unlock(session, unlock)
    return run.run(session, provider or [], destroy=destroy, expired=expired, foreign=foreign, yes=yes, as_json=as_json)
