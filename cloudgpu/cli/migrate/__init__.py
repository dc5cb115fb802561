"""`cloudgpu migrate`: from one model to another without losing the old one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from cloudgpu.cli.migrate.rental import Caps
    from cloudgpu.cli.session import Session
    from cloudgpu.moving.acts import Acts
    from cloudgpu.moving.hook import HookResult
    from cloudgpu.moving.migration import Migration, Side

Which = Annotated[
    str | None, typer.Argument(help="Migration, service or deployment; not needed while only one is open.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Force = Annotated[bool, typer.Option("--force", help="Go on although the answers or the health speak against it.")]
AsJson = Annotated[bool, typer.Option("--json", help="The outcome as JSON.")]

_MOST_WAIT_MINUTES = 60 * 24 * 7


def register(app: typer.Typer) -> None:
    """Add `migrate` and its verbs."""
    group = typer.Typer(invoke_without_command=True, help=migrate.__doc__)
    group.callback()(migrate)
    for verb in (status, follow, promote, pause, rollback, finalize, abort, resume):
        group.command()(verb)
    group.command("list")(list_all)
    app.add_typer(group, name="migrate")


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
    golden: Annotated[Path | None, typer.Option(metavar="FILE", help="Golden prompts for both, as promptfoo.")] = None,
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
    from cloudgpu.cli.migrate.start import Wish, start
    from cloudgpu.cli.migrate.strategy import Asked, strategy_of
    from cloudgpu.cli.option_values import positive, refuse_empty

    refuse_empty(to=to, provider=provider, name=name, hook=hook, gates=gates)
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


def status(
    which: Which = None,
    offline: Annotated[bool, typer.Option("--offline", help="Show what was recorded; ask nobody.")] = False,
    as_json: AsJson = False,
) -> None:
    """Where the open migration stands, what was found of both sides, and what can be done next.

    Looks at both sides while requests may reach the new one: at a regression it rolls back. It deletes nothing.
    """
    from cloudgpu.base.errors import NotFoundError
    from cloudgpu.cli import render
    from cloudgpu.cli.migrate.sight import look_once
    from cloudgpu.cli.migrate.view import as_json as json_of
    from cloudgpu.cli.migrate.view import show_status, standing
    from cloudgpu.cli.migrate.world import all_migrations, meant_migration
    from cloudgpu.cli.session import open_session
    from cloudgpu.moving.state import MigrationState

    session = open_session()
    try:
        migration = meant_migration(session, which)
    except NotFoundError:
        past = [each for each in all_migrations(session) if which in (None, each.migration_id, each.service)]
        if not past:
            raise
        migration = past[-1]
    if not offline:
        migration = look_once(session, migration)
    now = standing(session, migration)
    if as_json:
        render.out_json({"migration": json_of(now)})
    else:
        show_status(session, now)
    if migration.state is MigrationState.CLEANUP_FAILED:
        raise typer.Exit(6)  # something may still bill


def follow(
    which: Which = None,
    once: Annotated[bool, typer.Option("--once", help="One look, for cron or a systemd timer.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch it: take the steps that are due, go back at a regression, remove the old side when its time is over.

    Ctrl-C stops the watching and nothing else. While nothing watches, a gateway still turns to the side that answers.
    """
    from cloudgpu.cli.migrate.sight import follow_it

    follow_it(which, once=once, as_json=as_json)


def promote(
    which: Which = None,
    full: Annotated[bool, typer.Option("--full", help="All requests at once, leaving out further steps.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Go on to the next share of the requests, or to all of them; also from a pause."""
    from cloudgpu.moving import forward

    del yes  # it destroys nothing and there is a way back; accepted so that scripts can pass it to every verb
    _act("promote", which, lambda migration, acts: forward.promote(migration, acts, full=full), as_json=as_json)


def pause(which: Which = None, as_json: AsJson = False) -> None:
    """Stay at this share of the requests until promote or resume."""
    from cloudgpu.moving import way_back

    _act("pause", which, way_back.pause, as_json=as_json)


def rollback(which: Which = None, force: Force = False, yes: Yes = False, as_json: AsJson = False) -> None:
    """Put the old side back in charge at once. Nothing is created, both stay alive."""
    from cloudgpu.moving.way_back import roll_back

    del yes  # taking a step back is never asked about; accepted so that scripts can pass it to every verb
    _act("rollback", which, lambda migration, acts: roll_back(migration, acts, force=force), as_json=as_json)


def finalize(which: Which = None, yes: Yes = False, as_json: AsJson = False) -> None:
    """Keep the side that is in charge and destroy the other: one is billed afterwards."""
    from cloudgpu.moving import closing

    _act("finalize", which, closing.finalize, ends=lambda migration: migration.spare, yes=yes, as_json=as_json)


def abort(which: Which = None, force: Force = False, yes: Yes = False, as_json: AsJson = False) -> None:
    """Give the new side up and destroy it; the old one stays in charge, and must answer unless --force is given."""
    from cloudgpu.moving import closing

    def give_up(migration: "Migration", acts: "Acts") -> "Migration":
        return closing.abort(migration, acts, force=force)

    _act("abort", which, give_up, ends=lambda migration: migration.new, yes=yes, as_json=as_json)


def resume(which: Which = None, force: Force = False, yes: Yes = False, as_json: AsJson = False) -> None:
    """Go on with a migration that was interrupted, or ask both sides again.

    Should the new side have to be rented for more than was agreed, shows the price and asks.
    """
    from cloudgpu.moving import resuming

    def go_on(migration: "Migration", acts: "Acts") -> "Migration":
        return resuming.resume(migration, acts, force=force)

    _act("resume", which, go_on, rents=True, yes=yes, as_json=as_json)


def list_all(as_json: AsJson = False) -> None:
    """Every migration there was."""
    from cloudgpu.cli import render
    from cloudgpu.cli.migrate.view import as_json as json_of
    from cloudgpu.cli.migrate.view import show_list, standing
    from cloudgpu.cli.migrate.world import all_migrations
    from cloudgpu.cli.session import open_session

    session = open_session()
    migrations = all_migrations(session)
    if as_json:
        render.out_json({"migrations": [json_of(standing(session, each)) for each in migrations]})
    else:
        show_list(migrations)


def _act(
    verb: str,
    which: str | None,
    act: "Callable[[Migration, Acts], Migration]",
    *,
    ends: "Callable[[Migration], Side] | None" = None,
    rents: bool = False,
    yes: bool = True,
    as_json: bool = False,
) -> None:
    from dataclasses import replace

    from cloudgpu.cli import render
    from cloudgpu.cli.migrate.rental import agreed_again, request_again
    from cloudgpu.cli.migrate.view import closing_question, show_new_verdict
    from cloudgpu.cli.migrate.world import acts_on, at_work, meant_migration, read_again
    from cloudgpu.cli.session import open_session

    session = open_session()
    before = meant_migration(session, which)
    if ends and not yes and not render.confirm(closing_question(session, before, ends(before))):
        return render.text("Nothing was done.")
    agreed = agreed_again(session, before, yes=yes) if rents else before
    if agreed is None:
        return render.progress("Nothing was rented.")
    hooks: list[HookResult] = []
    try:
        with at_work(session, before, verb) as progress:
            acts = acts_on(session, before, progress, lambda each: request_again(session, each), hooks)
            now = read_again(session, before)
            migration = act(replace(now, agreed=agreed.agreed) if rents else now, acts)
    finally:
        if not as_json:
            show_new_verdict(session, before)
    return _show_outcome(session, migration, hooks, as_json=as_json)


def _show_outcome(session: "Session", migration: "Migration", hooks: "list[HookResult]", *, as_json: bool) -> None:
    from cloudgpu.cli import render
    from cloudgpu.cli.migrate.view import as_json as json_of
    from cloudgpu.cli.migrate.view import hook_json, show_final_bill, show_moved, standing

    now = standing(session, migration)
    if as_json:
        return render.out_json({"migration": json_of(now), "hook": hook_json(hooks)})
    if migration.is_open:
        return show_moved(session, migration)
    render.text(f"{migration.service} is served by {now.serving or 'nothing'}; the migration is {migration.state}.")
    for life in (now.old, now.new):
        if life is not None and life.state.is_final:
            show_final_bill(life.name, *_whole_cost(session, life.token))
    return None


def _whole_cost(session: "Session", token: str) -> "tuple[Decimal, str]":
    from cloudgpu.accounting.ledger import fold
    from cloudgpu.accounting.tally import total
    from cloudgpu.base.clock import SystemClock

    events = [event for event in session.store.events() if event.token == token]
    far = max([SystemClock().now(), *(event.at for event in events)])
    line = total(token, fold(events, far))
    return line.total_usd, line.source.value
