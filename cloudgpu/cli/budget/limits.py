"""`cloudgpu budget`, `budget set` and `budget clear`."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cloudgpu.accounting.use import Use
    from cloudgpu.cli.alerts.standing import Standing
    from cloudgpu.cli.session import Session

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def show(context: typer.Context, json: AsJson = False) -> None:
    """How much of each limit is used this month, and when it will be gone; who could not be told. Asks no provider."""
    if context.invoked_subcommand:
        return None
    from cloudgpu.cli import render
    from cloudgpu.cli.alerts.untold import untold_json
    from cloudgpu.cli.budget.state import read_budget
    from cloudgpu.cli.session import open_session

    session = open_session()
    standing = read_budget(session)
    budget = standing.budget
    if json:
        return render.out_json({**_as_json(standing), "untold": untold_json(session, standing)})
    if budget is None:
        return render.text("No budget is set. Set one: cloudgpu budget set --monthly 50 --hard")
    _table(standing.uses)
    rule = "What would break it is refused." if budget.hard else "It warns and refuses nothing (--hard does)."
    render.note(rule + (" `cloudgpu watch` takes down what bills once it is broken." if budget.stop else ""))
    return _show_untold(session, standing)


def set_budget(
    monthly: Annotated[str | None, typer.Option(metavar="USD", help="For everything together.")] = None,
    per_deployment: Annotated[
        list[str] | None, typer.Option(metavar="NAME=USD", help="For one deployment; repeatable.")
    ] = None,
    hard: Annotated[bool, typer.Option("--hard", help="Refuse what would break it.")] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="And `cloudgpu watch` takes down what bills once it is broken.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Set the most to spend in a calendar month (UTC). Replaces the budget that was set before."""
    from cloudgpu.accounting.budget import Budget
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli import render
    from cloudgpu.cli.budget.state import keep, read_budget
    from cloudgpu.cli.session import open_session

    if monthly is None and not per_deployment:
        raise UsageError("a budget of what?", hint="cloudgpu budget set --monthly 50 --per-deployment mistral=20")
    named = [_named(text) for text in per_deployment or ()]
    limits = dict(named)
    if len(limits) < len(named):
        raise UsageError("a deployment has more than one limit", hint="name each with --per-deployment once")
    budget = Budget(
        monthly_usd=None if monthly is None else _amount(monthly, "--monthly"), per_deployment=limits,
        hard=hard or stop, stop=stop,
    )  # fmt: skip
    session = open_session()
    keep(session, budget)
    standing = read_budget(session)
    _warn_of_unknown(standing)
    if json:
        return render.out_json(_as_json(standing))
    _table(standing.uses)
    return render.text(
        "The budget is set." if budget.hard else "The budget is set; it warns and refuses nothing (--hard does)."
    )


def clear(json: AsJson = False) -> None:
    """Take the budget away."""
    from cloudgpu.cli import render
    from cloudgpu.cli.budget.state import keep
    from cloudgpu.cli.session import open_session

    keep(open_session(), None)
    if json:
        return render.out_json({"budget": None, "uses": []})
    return render.text("No budget is set any more.")


def _table(found: "list[Use]") -> None:
    from cloudgpu.accounting.use import end_words
    from cloudgpu.cli import render
    from cloudgpu.cli.render import Column

    columns = [
        Column("Budget"), Column("Limit", right=True), Column("Spent", right=True), Column("Used", right=True),
        Column("By month's end", right=True, drop=1), Column("Gone (UTC)", drop=2),
    ]  # fmt: skip
    rows = [
        [use.scope, render.money(use.limit_usd), render.money(use.spent_usd), f"{use.percent} %",
         render.money(use.forecast_usd), end_words(use)]
        for use in found
    ]  # fmt: skip
    render.table(columns, rows)


def _show_untold(session: "Session", standing: "Standing") -> None:
    from cloudgpu.cli import render
    from cloudgpu.cli.alerts.untold import UNTOLD_HEAD, is_somebody_due, untold_rows
    from cloudgpu.cli.render import Column

    rows = untold_rows(session, standing)
    if rows:
        render.text()
        render.table([Column(name) for name in UNTOLD_HEAD], rows)
        render.warning("They are tried again; once it is mended, cloudgpu budget alert --test sends it at once.")
    if is_somebody_due(session, standing):
        render.warning("Not everybody was told yet: `cloudgpu watch` does it while it runs, cloudgpu budget check now.")


def _as_json(standing: "Standing") -> dict[str, object]:
    import dataclasses

    uses = [
        {**dataclasses.asdict(use), "percent": use.percent, "crossed": use.crossed, "used_up": use.is_used_up}
        for use in standing.uses
    ]
    return {"budget": standing.budget.as_data() if standing.budget else None, "uses": uses}


def _warn_of_unknown(standing: "Standing") -> None:
    """A limit may be set before the first `up`; a name that was mistyped limits nothing, for ever."""
    from cloudgpu.cli import render
    from cloudgpu.sizing.nearest import nearest

    for name in standing.budget.per_deployment if standing.budget else ():
        if name not in standing.deployments:
            near = nearest(name, standing.deployments)
            meant = f" Did you mean {', '.join(near)}?" if near else ""
            render.progress(f"No deployment was ever called {name}: its limit counts from its first `up` on.{meant}")


def _named(text: str) -> tuple[str, Decimal]:
    from cloudgpu.base.errors import UsageError

    name, separator, amount = text.partition("=")
    if not separator or not name:
        raise UsageError(f"{text!r} is no deployment's budget", hint="write NAME=USD: mistral=20")
    return name, _amount(amount, f"the budget of {name}")


def _amount(text: str, what: str) -> Decimal:
    from cloudgpu.base.errors import UsageError
    from cloudgpu.base.money import usd
    from cloudgpu.cli.option_values import within_reason

    try:
        amount = usd(text.removeprefix("$"))
    except ValueError as error:
        raise UsageError(f"{what}: {error}", hint="give an amount in dollars: 50") from None
    if amount <= 0:
        raise UsageError(
            f"{what} of {text} leaves nothing to spend", hint="to take the budget away: cloudgpu budget clear"
        )
    return within_reason(amount, what)
