"""How a reconciliation is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from cloudgpu.accounting.history import Statement
from cloudgpu.accounting.reconcile import BalanceCheck, Day, Difference, Stranger, Verdict
from cloudgpu.accounting.reconcile.days import DayState
from cloudgpu.accounting.words import METER_NAMES
from cloudgpu.cli import render
from cloudgpu.cli.render import Column

_SAYS = {
    DayState.CLOSED: "closed",
    DayState.READY: "closed now",
    DayState.OPEN: "open: it may still change",
    DayState.DIFFERS: "differs",
    DayState.NOT_SEEN: "not seen: only the bill tells",
    DayState.CHANGED: "was closed, and the bill changed since",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All that was found out about one provider's bill."""

    statement: Statement
    differences: tuple[Difference, ...]
    days: tuple[Day, ...]
    strangers: tuple[Stranger, ...]
    balances: tuple[BalanceCheck, ...]

    @property
    def is_troubled(self) -> bool:
        """Whether somebody should look: a day differs or was not seen, a closed one changed, balance, a stranger."""
        states = {day.state for day in self.days}
        unexplained = not all(check.agrees for check in self.balances)
        return bool(states & {DayState.DIFFERS, DayState.NOT_SEEN, DayState.CHANGED} or self.strangers or unexplained)


def show_json(accounts: Sequence[Account], notes: Sequence[str]) -> None:
    """Everything, for programs."""
    render.out_json({"accounts": [_account_json(each) for each in accounts], "notes": list(notes)})


def show(accounts: Sequence[Account], notes: Sequence[str]) -> None:
    """The days, then what wants a look."""
    if not accounts:
        render.text("Nothing was rented yet, so there is nothing to reconcile.")
    for account in accounts:
        _show(account)
    for note in notes:
        render.warning(note)


def _account_json(account: Account) -> dict[str, object]:
    return {
        "provider": account.statement.provider,
        "since": account.statement.since,
        "fetched_at": account.statement.fetched_at,
        "days": [
            {"day": d.day, "metered_usd": d.metered_usd, "billed_usd": d.billed_usd,
             "adjustment_usd": d.adjustment_usd, "state": d.state} for d in account.days
        ],
        "differences": [
            {"day": d.day, "deployment": d.deployment, "instance_id": d.instance_id, "meter": d.meter,
             "metered_usd": d.metered_usd, "billed_usd": d.billed_usd, "difference_usd": d.difference_usd,
             "tolerance_usd": d.tolerance_usd, "doubt_usd": d.doubt_usd, "unmatched_s": d.unmatched_s,
             "verdict": d.verdict, "cause": d.cause}
            for d in account.differences
        ],
        "strangers": account.strangers,
        "balances": [
            {"since": b.since, "until": b.until, "before_usd": b.before_usd, "paid_usd": b.paid_usd,
             "billed_usd": b.billed_usd, "after_usd": b.after_usd, "gap_usd": b.gap_usd,
             "tolerance_usd": b.tolerance_usd, "agrees": b.agrees, "cause": b.cause}
            for b in account.balances
        ],
    }  # fmt: skip


def _show(account: Account) -> None:
    statement = account.statement
    title = f"{statement.provider}: bill read {statement.fetched_at:%Y-%m-%d %H:%M} UTC"
    columns = [
        Column("Day (UTC)"), Column("Metered", right=True), Column("Billed", right=True),
        Column("Adjustment", right=True, drop=1), Column("State"),
    ]  # fmt: skip
    rows = [
        [day.day, _usd(day.metered_usd), _usd(day.billed_usd), _usd(day.adjustment_usd), _SAYS[day.state]]
        for day in account.days
    ]
    render.table(columns, rows, title=title)
    _show_differences([each for each in account.differences if each.verdict is Verdict.DIFFERS])
    _show_explained(account)
    for stranger in account.strangers:
        render.warning(
            f"Instance {stranger.instance_id} is on the bill with {_usd(stranger.usd)} "
            f"({stranger.first:%Y-%m-%d} to {stranger.last:%Y-%m-%d}) and was never made here. Ours? cloudgpu gc"
        )
    for check in account.balances:
        _show_balance(check)
    render.text()


def _show_differences(found: Sequence[Difference]) -> None:
    for each in found:
        render.warning(_difference(each))


def _show_explained(account: Account) -> None:
    """What lies within tolerance and doubt, of days that are not closed yet and as far as four places show it."""
    closed = {day.day for day in account.days if day.state is DayState.CLOSED}
    for each in account.differences:
        seen = _usd(each.billed_usd) != _usd(each.metered_usd)
        if not each.cause or not seen or each.day in closed:
            continue
        if each.verdict is Verdict.NOT_SEEN:
            render.warning(f"Not seen, so not checked: {_difference(each)}")
        elif each.verdict is Verdict.AGREES:
            render.note(f"Within what is allowed: {_difference(each)}")


def _difference(each: Difference) -> str:
    more = "more" if each.difference_usd > 0 else "less"
    seconds = f", {render.duration(abs(each.unmatched_s))} {more}" if each.unmatched_s else ""
    return (
        f"{each.day} {each.deployment} ({each.instance_id}) {METER_NAMES[each.meter]}: billed "
        f"{_usd(each.billed_usd)}, metered {_usd(each.metered_usd)}{seconds}; allowed "
        f"{_usd(each.tolerance_usd)} of tolerance and {_usd(each.doubt_usd)} of doubt. Likeliest: {each.cause}."
    )


def _show_balance(check: BalanceCheck) -> None:
    if check.agrees:
        render.note(f"The balance agrees: {_usd(check.before_usd)} to {_usd(check.after_usd)}, as billed and paid.")
        return
    hint = (
        f" Record it: cloudgpu cost top-up {check.gap_usd:.2f} --provider {check.provider}" if check.gap_usd > 0 else ""
    )
    render.warning(
        f"The balance went from {_usd(check.before_usd)} to {_usd(check.after_usd)}: {_usd(check.gap_usd)} is not "
        f"explained by what was billed ({_usd(check.billed_usd)}) and paid ({_usd(check.paid_usd)}). Likeliest: "
        f"{check.cause}.{hint}"
    )


def _usd(amount: Decimal) -> str:
    return render.money(amount, 4)
