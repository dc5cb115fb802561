"""`cloudgpu watch`: the checks of `status` and `gc` for ever, and the ends that were asked for. One line a change."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("watch")(watch)


def watch(
    provider: Annotated[
        list[str] | None, typer.Option(help="Where to look; default: wherever there is a key, and the emulator.")
    ] = None,
    interval: Annotated[str, typer.Option(metavar="TIME", help="Between two looks, of real time.")] = "1m",
    once: Annotated[bool, typer.Option("--once", help="Look once, end what has to end, and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Each change as a JSON document.")] = False,
) -> None:
    """Watch everything that is rented, and end what was asked to end by itself (--ttl, --idle-stop, budget --stop).

    Says only what changed. Removes nothing else. SIGTERM and Ctrl-C end it between two looks, with status 0.
    """
    from cloudgpu.cli.markets import check_providers
    from cloudgpu.cli.option_values import seconds
    from cloudgpu.cli.session import open_session
    from cloudgpu.cli.watch.run import Watcher, run

    pause_s = seconds(interval, "--interval") or 60.0
    watcher = Watcher(open_session(), check_providers(provider or []), as_json=as_json)
    run(watcher, pause_s, once=once)
