"""`cloudgpu migrate`: from one model to another without losing the old one."""

import typer

from cloudgpu.cli.migrate import verbs
from cloudgpu.cli.migrate.beginning import migrate


def register(app: typer.Typer) -> None:
    """Add `migrate` and its verbs."""
    group = typer.Typer(invoke_without_command=True, help=migrate.__doc__)
    group.callback()(migrate)
    for verb in (
        verbs.status, verbs.follow, verbs.promote, verbs.pause, verbs.rollback, verbs.finalize, verbs.abort,
        verbs.resume,
    ):  # fmt: skip
        group.command()(verb)
    group.command("list")(verbs.list_all)
    app.add_typer(group, name="migrate")
