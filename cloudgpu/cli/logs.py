"""`cloudgpu logs`: the last lines that a deployment printed."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("logs")(logs)


def logs(
    name: Annotated[str, typer.Argument(help="The deployment.")],
    tail: Annotated[int, typer.Option(min=1, help="How many lines.")] = 100,
) -> None:
    """Print the last lines of a deployment's log. Keys that stand in it are hidden."""
    from cloudgpu.cli import render
    from cloudgpu.cli.session import open_session
    from cloudgpu.cli.the_deployment import the_deployment

    session = open_session()
    found = the_deployment(session, name)
    text = session.provider(found.provider).logs(found.instance_id or "", tail)
    service = session.store.service(found.service)
    for line in text.splitlines():
        render.text(line.replace(service.api_key.reveal(), "••••") if service else line)
    if not text.strip():
        render.progress(f"{name} has printed nothing yet.")
