"""`cloudgpu cost …`: what was spent, what still bills, files of it, the provider's bill beside it, and budgets."""

import typer

from cloudgpu.cli.cost import export, reconcile, report, top_up


def register(app: typer.Typer) -> None:
    """Add the `cost` group."""
    group = typer.Typer(invoke_without_command=True, help="What was spent, hour by hour, and what still bills.")
    group.callback()(report.cost)
    group.command("export")(export.export)
    group.command("reconcile")(reconcile.reconcile)
    refunds = {"ignore_unknown_options": True}  # -5 is an amount
    group.command("top-up", context_settings=refunds)(top_up.top_up)
    app.add_typer(group, name="cost")
