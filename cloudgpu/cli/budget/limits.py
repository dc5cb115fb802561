"""`cloudgpu budget`, `budget set` and `budget clear`."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cloudgpu.accounting.budget import Use

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def show(context: typer.Context, json: AsJson = False) -> None:
    """How much of each limit is used this month, and when it will be gone. Asks no provider."""
    if context.invoked_subcommand:
        return None
    from cloudgpu.cli import render
    from cloudgpu.cli.budget.state import read_budget
    from cloudgpu.cli.session import open_session

    budget, found = read_budget(open_session())
    if json:
        uses = [{**_plain(use), "percent": use.percent, "crossed": use.crossed} for use in found]
        return render.out_json({"budget": budget.as_data() if budget else None, "uses": uses})
    if budget is None:
        return render.text("No budget is set. Set one: cloudgpu budget set --monthly 50 --hard")
    _table(found)
    rule = "What would break it is refused." if budget.hard else "It warns and refuses nothing (--hard does)."
    return render.note(rule + (" `cloudgpu watch` takes down what bills once it is broken." if budget.stop else ""))


def set_budget(
    monthly: Annotated[str | None, typer.Option(metavar="USD", help="For everything together.")] = None,
    per_deployment: Annotated[
        list[str] | None, typer.Option(metavar="NAME=USD", help="For one deployment; repeatable.")
    ] = None,
    hard: Annotated[bool, typer.Option("--hard", help="Refuse what would break it.")] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="And `cloudgpu watch` takes down what bills once it is broken.")
    ] = False,
) -> None:
    """Set the most to spend in a calendar month (UTC). Replaces the budget that was set before."""
    from cloudgpu.accounting.budget import Budget
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli import render
    from cloudgpu.cli.budget.state import keep, read_budget
    from cloudgpu.cli.session import open_session

    if monthly is None and not per_deployment:
        raise UsageError("a budget of what?", hint="cloudgpu budget set --monthly 50 --per-deployment mistral=20")
    limits = dict(_named(text) for text in per_deployment or ())
    budget = Budget(
        monthly_usd=_amount(monthly, "--monthly") if monthly else None, per_deployment=limits, hard=hard or stop,
        stop=stop,
    )  # fmt: skip
    session = open_session()
    keep(session, budget)
    _, found = read_budget(session)
    _table(found)
    render.text(
        "The budget is set." if budget.hard else "The budget is set; it warns and refuses nothing (--hard does)."
    )


def clear() -> None:
    """Take the budget away."""
    from cloudgpu.cli import render
    from cloudgpu.cli.budget.state import keep
    from cloudgpu.cli.session import open_session

    keep(open_session(), None)
    render.text("No budget is set any more.")


def _table(found: "list[Use]") -> None:
    from cloudgpu.cli import render
    from cloudgpu.cli.render import Column

    columns = [
        Column("Budget"), Column("Limit", right=True), Column("Spent", right=True), Column("Used", right=True),
        Column("By month's end", right=True, drop=1), Column("Gone at (UTC)", drop=2),
    ]  # fmt: skip
    rows = [
        [use.scope, render.money(use.limit_usd), render.money(use.spent_usd), f"{use.percent} %",
         render.money(use.forecast_usd), f"{use.breach_at:%Y-%m-%d %H:%M}" if use.breach_at else "not this month"]
        for use in found
    ]  # fmt: skip
    render.table(columns, rows)


def _plain(use: "Use") -> dict[str, object]:
    import dataclasses

    return {field.name: getattr(use, field.name) for field in dataclasses.fields(use)}


def _named(text: str) -> tuple[str, Decimal]:
    from cloudgpu.base.errors import UsageError

    name, separator, amount = text.partition("=")
    if not separator or not name:
        raise UsageError(f"{text!r} is no deployment's budget", hint="write NAME=USD: mistral=20")
    return name, _amount(amount, f"the budget of {name}")


def _amount(text: str, what: str) -> Decimal:
    from cloudgpu.base.errors import UsageError
    from cloudgpu.base.money import usd

    try:
        amount = usd(text.removeprefix("$"))
    except ValueError as error:
        raise UsageError(f"{what}: {error}", hint="give an amount in dollars: 50") from None
    if amount <= 0:
        raise UsageError(
            f"{what} of {text} would refuse everything", hint="to take the budget away: cloudgpu budget clear"
        )
    return amount
