"""`cloudgpu doctor`: is everything there that renting needs, and what bills."""

from typing import Annotated

import typer

_MARKS = {"ok": "✓", "absent": "-", "attention": "!", "wrong": "✗"}


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("doctor")(doctor)


def doctor(
    restore_journal: Annotated[
        bool, typer.Option("--restore-journal", help="Put the copy of the journal in its place, the old one aside.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Check keys, balances, clocks, rate limits, the journal, Docker, gateways and the emulator, and say what bills.

    Exit status of the worst that is wrong: 6 something may bill that nobody can vouch for, 5 a provider could not be
    asked, 4 a key is refused, 1 the journal or a gateway. What is only absent (a key, a daemon) is not wrong.
    """
    from cloudgpu.cli import render
    from cloudgpu.cli.doctor.check import Verdict
    from cloudgpu.cli.doctor.run import examine, worst_status
    from cloudgpu.cli.session import open_session

    session = open_session()
    if restore_journal:
        _restore(session.settings.store_url.value)
    found = examine(session)
    if as_json:
        render.out_json({"checks": [each.as_json() for each in found], "exit_status": worst_status(found)})
    else:
        for each in found:
            say = {Verdict.OK: render.text, Verdict.ABSENT: render.note}.get(each.verdict, render.warning)
            say(f"{_MARKS[each.verdict.value]} {each.about}: {each.text}")
            if each.hint:
                render.note(f"    {each.hint}")
    if worst_status(found):
        raise typer.Exit(worst_status(found))


def _restore(url: str) -> None:
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli import render
    from cloudgpu.running.database import file_of
    from cloudgpu.running.spare_copy import restore

    path = file_of(url)
    if path is None:
        raise UsageError("the journal is no file of this machine", hint="its server's keeper restores it")
    aside = restore(path)
    render.progress(f"The copy is the journal now; what stood there is {aside}. What was rented since: cloudgpu gc")
