"""`cloudgpu budget …`: how much may be spent in a month, how much is, and who is told."""

import typer

from cloudgpu.cli.budget import alert, limits


def register(app: typer.Typer) -> None:
    """Add the `budget` group."""
    group = typer.Typer(invoke_without_command=True, help="How much may be spent in a month, and who is told.")
    group.callback()(limits.show)
    group.command("set")(limits.set_budget)
    group.command("clear")(limits.clear)
    group.command("alert")(alert.alert)
    group.command("check")(alert.check)
    app.add_typer(group, name="budget")
