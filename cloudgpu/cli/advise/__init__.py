"""`cloudgpu advise`: what is rented for nothing, or for more than it must cost."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("advise")(advise)


def advise(
    idle: Annotated[str, typer.Option(metavar="TIME", help="Without work for so long counts as idle.")] = "30m",
    hours: Annotated[float, typer.Option(min=1, help="Over how many hours a cheaper offer has to pay off.")] = 24,
    seen: Annotated[
        str, typer.Option(metavar="TIME", help="So long a KV cache must have been watched to call a card too large.")
    ] = "24h",
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nobody: the journal and the reference offers alone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """What could cost less: idle deployments, disks of stopped machines, cards too large, cheaper offers that fit now.

    Changes nothing and spends nothing. Says what it could not find out.
    """
    from decimal import Decimal

    from cloudgpu.cli.advise.offers import Question
    from cloudgpu.cli.advise.run import Limits, run
    from cloudgpu.cli.option_values import seconds
    from cloudgpu.cli.session import open_session

    limits = Limits(idle_s=seconds(idle, "--idle") or 0.0, seen_s=seconds(seen, "--seen") or 0.0)
    run(open_session(), limits, Question(hours=Decimal(str(hours)), offline=offline), as_json=as_json)
