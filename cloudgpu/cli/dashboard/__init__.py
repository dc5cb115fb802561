"""`cloudgpu dashboard`: a read-only page of everything, on this machine only."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("dashboard")(dashboard)


def dashboard(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 0,
    refresh: Annotated[int, typer.Option(min=1, max=3600, metavar="SECONDS", help="How often the page renews.")] = 5,
) -> None:
    """Serve a read-only page: deployments, migrations, burn, and the report's charts. Until Ctrl-C.

    It listens on this machine alone, and only who has the address with its token sees it. It tells what the journal
    says and asks no provider: `cloudgpu watch` beside it keeps the journal fresh.
    """
    import secrets

    from cloudgpu.cli import render
    from cloudgpu.cli.dashboard.app import dashboard_app
    from cloudgpu.cli.pages.server import run_app
    from cloudgpu.cli.session import open_session

    token = secrets.token_urlsafe(18)
    app = dashboard_app(open_session(), token, refresh)
    run_app(app, "127.0.0.1", port, lambda url: render.shell(f"{url}/{token}/"))
