"""`cloudgpu gateway start | stop | status | config`: one URL and one key for a service, whichever model answers."""

from typing import Annotated

import typer

Which = Annotated[str | None, typer.Argument(metavar="SERVICE", help="Not needed while there is only one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the `gateway` group."""
    group = typer.Typer(no_args_is_help=True, help="One URL and one key for a service, whichever model answers.")
    group.command("start")(start)
    group.command("stop")(stop)
    group.command("status")(status)
    group.command("config")(config)
    app.add_typer(group, name="gateway")


def start(
    which: Which = None,
    kind: Annotated[str | None, typer.Option(help="haproxy (default) or caddy, a program on this machine.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: as before, else free from 8400.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
    certificate: Annotated[
        str | None, typer.Option("--certificate", metavar="PEM", help="Certificate and key: serve HTTPS.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put a gateway in front of a service, or start it again as it was. From now on migrations change no address.

    The first start gives clients a new URL and a new key, which is on no rented machine: read them from the same files.
    """
    from cloudgpu.cli.gateway.run import Wish, start_gateway
    from cloudgpu.cli.option_values import refuse_empty

    refuse_empty(kind=kind, host=host, certificate=certificate)
    start_gateway(Wish(service=which, kind=kind, port=port, host=host, certificate=certificate, as_json=as_json))


def stop(which: Which = None, as_json: AsJson = False) -> None:
    """Take the gateway away: clients go to the deployment in charge directly, with its own key. What runs is finished.

    Refused while an open migration leads requests through it to a side that is left.
    """
    from cloudgpu.cli.gateway.run import stop_gateway

    stop_gateway(which, as_json=as_json)


def status(which: Which = None, as_json: AsJson = False) -> None:
    """Show each gateway: its URL, its sides with their share of the requests, their health and what was counted.

    Exit status 1 when one does not run.
    """
    from cloudgpu.cli.gateway.run import show_status

    show_status(which, as_json=as_json)


def config(which: Which = None, as_json: AsJson = False) -> None:
    """Print what the proxy is told, its keys hidden."""
    from cloudgpu.cli.gateway.run import show_config

    show_config(which, as_json=as_json)
