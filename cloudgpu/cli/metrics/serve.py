"""`cloudgpu metrics serve`, `show` and `targets`."""

from pathlib import Path
from typing import Annotated

import typer

_PORT = 9842


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = _PORT,
    listen: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
) -> None:
    """Serve /metrics for Prometheus, and /targets (HTTP service discovery) with the rented engines, until Ctrl-C.

    Tells what the journal says and asks no provider: `cloudgpu watch` beside it keeps the journal fresh.
    """
    from cloudgpu.cli import render
    from cloudgpu.cli.metrics.app import metrics_app
    from cloudgpu.cli.pages.server import run_app
    from cloudgpu.cli.session import open_session

    app = metrics_app(open_session())
    run_app(app, listen, port, lambda url: render.text(f"Metrics at {url}/metrics, targets at {url}/targets"))


def show() -> None:
    """Print the metrics once, as Prometheus would read them."""
    import sys

    from cloudgpu.cli.metrics.exposition import exposition
    from cloudgpu.cli.session import open_session

    sys.stdout.write(exposition(open_session()))


def targets(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file for file_sd; without it, stdout.")
    ] = None,
) -> None:
    """The engines that answer now, as Prometheus' file_sd reads them. Write it again when something changes."""
    import json

    from cloudgpu.cli.metrics.engines import engine_targets
    from cloudgpu.cli.out_file import check_place, write
    from cloudgpu.cli.session import open_session

    check_place(output, force=True)  # it is there to be renewed
    write(json.dumps(engine_targets(open_session()), indent=2) + "\n", output)
