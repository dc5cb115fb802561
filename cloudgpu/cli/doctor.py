"""`cloudgpu doctor`: is everything there that renting needs, and what bills."""

from typing import Annotated

import typer

_MARKS = {"ok": "✓", "absent": "-", "attention": "!", "wrong": "✗"}


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("doctor")(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Check keys, balances, clocks, rate limits, the journal, gateways and the emulator, and say what bills.

    Exit status of the worst that is wrong: 6 something may bill that nobody can vouch for, 5 a provider could not be
    asked, 4 a key is refused, 1 the journal or a gateway. What is only absent (no key, no emulator) is not wrong.
    """
    from cloudgpu.cli import render
    from cloudgpu.cli.doctor_run import Verdict, examine, worst_status
    from cloudgpu.cli.session import open_session

    found = examine(open_session())
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
