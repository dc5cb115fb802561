"""`cloudgpu metrics …`: what Prometheus may scrape, and which engines it should."""

import typer

from cloudgpu.cli.metrics import serve


def register(app: typer.Typer) -> None:
    """Add the `metrics` group."""
    group = typer.Typer(no_args_is_help=True, help="Costs, states and targets for Prometheus.")
    group.command("serve")(serve.serve)
    group.command("show")(serve.show)
    group.command("targets")(serve.targets)
    app.add_typer(group, name="metrics")
