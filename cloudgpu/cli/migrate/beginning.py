"""The command line of `cloudgpu migrate --from`: what begins a migration."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudgpu.cli.migrate.options import AsJson, Force, Yes

if TYPE_CHECKING:
    from cloudgpu.cli.migrate.rental import Caps

_MOST_WAIT_MINUTES = 60 * 24 * 7


def migrate(
    context: typer.Context,
    old: Annotated[str | None, typer.Option("--from", metavar="NAME", help="The deployment to move away from.")] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="MODEL", help="The model to move to; default: the latest plan.")
    ] = None,
    plan: Annotated[Path | None, typer.Option("--plan", metavar="FILE", help="The plan of what to move to.")] = None,
    provider: Annotated[
        str | None, typer.Option(help="Where to rent; default: as planned, else where the old one is.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new deployment; default: the model's.")] = None,
    gates: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="How much worse the new side may be; default by its size.")
    ] = None,
    golden: Annotated[
        str | None, typer.Option(metavar="FILE", help="Golden prompts for both (promptfoo's YAML, 10 and more); none.")
    ] = None,
    hook: Annotated[
        str | None, typer.Option(metavar="CMD", help="Run this when the address moved (CLOUDGPU_* tells where).")
    ] = None,
    send_hf_token: Annotated[
        bool, typer.Option("--send-hf-token", help="Give the new machine HF_TOKEN, for a gated model.")
    ] = False,
    max_price: Annotated[
        str | None, typer.Option(metavar="USD", help="Most dollars per hour for the new side; default: as shown.")
    ] = None,
    max_wait: Annotated[
        float | None, typer.Option(metavar="MINUTES", min=1, help="Longest wait for one machine to answer.")
    ] = None,
    max_spend: Annotated[
        str | None, typer.Option(metavar="USD", help="Most dollars before one answers, all attempts together.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="USD", help="Most dollars for the double run, until the old side goes.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="blue-green (default), canary, ab, dual or replace (no way back).")
    ] = None,
    steps: Annotated[str | None, typer.Option(metavar="P,P", help="Canary: percentages on the way, 10,50.")] = None,
    pause_: Annotated[
        str | None, typer.Option("--pause", metavar="MINUTES|ask", help="Canary: how long each step lasts; 5.")
    ] = None,
    weight: Annotated[
        int | None, typer.Option(min=1, max=100, help="ab, dual: percent of requests for the new side.")
    ] = None,
    share_by: Annotated[str | None, typer.Option(help="ab, dual: by weight, header or model.")] = None,
    window: Annotated[
        str | None, typer.Option(metavar="MINUTES|never", help="Keep the old side warm for so long; 60.")
    ] = None,
    auto_rollback: Annotated[
        bool, typer.Option("--auto-rollback/--no-auto-rollback", help="Go back by itself at a regression.")
    ] = True,
    template: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="How the new engine is started; default: as the old one.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A variable of that template.")
    ] = None,
    tools: Annotated[
        bool | None, typer.Option("--tools/--no-tools", help="Let clients have the model call functions; as before.")
    ] = None,
    reasoning: Annotated[
        bool | None,
        typer.Option("--reasoning/--no-reasoning", help="Keep what the model thinks apart from its answer; as before."),
    ] = None,
    follow_: Annotated[bool, typer.Option("--follow", help="Stay and watch until the old side may go.")] = False,
    force: Force = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the steps and what they cost, and stop.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Move a service to another model: new beside old, gates, then the traffic; the old one stays warm for a while.

    On the way: migrate status | follow | promote | pause | resume | abort. Afterwards: migrate rollback | finalize.
    """
    if context.invoked_subcommand:
        return
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli.migrate.asking import OwnWords
    from cloudgpu.cli.migrate.start import Wish, start
    from cloudgpu.cli.migrate.strategy import Asked, strategy_of
    from cloudgpu.cli.option_values import positive, refuse_empty
    from cloudgpu.cli.template_choice import variables_in

    refuse_empty(to=to, provider=provider, name=name, hook=hook, gates=gates, golden=golden, template=template)
    if old is None:
        raise UsageError(
            "which deployment should be moved away from?", hint="cloudgpu migrate --from NAME [--to MODEL]"
        )
    asked = Asked(
        strategy=strategy, steps=steps, pause=pause_, weight=weight, share_by=share_by, window=window,
        auto_rollback=auto_rollback,
    )  # fmt: skip
    start(
        Wish(
            old=old,
            to=to,
            plan=plan,
            provider=provider,
            name=name,
            gates=gates,
            golden=golden,
            hook=hook,
            force=force,
            send_hf_token=send_hf_token,
            caps=_caps(max_price, max_wait, max_spend),
            budget=positive(budget, "--budget") if budget is not None else None,
            strategy=strategy_of(asked),
            asked=OwnWords(tools=tools, reasoning=reasoning, template=template, variables=variables_in(set_ or ())),
            follow=follow_,
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
        )
    )


def _caps(max_price: str | None, max_wait: float | None, max_spend: str | None) -> "Caps":
    from cloudgpu.cli.migrate.rental import Caps
    from cloudgpu.cli.option_values import finite, positive

    return Caps(
        max_price=positive(max_price, "--max-price") if max_price is not None else None,
        max_wait_minutes=finite(max_wait, "--max-wait", _MOST_WAIT_MINUTES),
        max_spend=positive(max_spend, "--max-spend") if max_spend is not None else None,
    )
