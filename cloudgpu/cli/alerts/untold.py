"""What a budget's targets were not told, in the words of `budget`, `cost` and `doctor`."""

from typing import TYPE_CHECKING

from cloudgpu.accounting.alert import MOST_TRIES, Alert, Delivery
from cloudgpu.cli.alerts.telling import newly_reached, untold
from cloudgpu.running.alert_target import read_targets

if TYPE_CHECKING:
    from cloudgpu.cli.alerts.standing import Standing
    from cloudgpu.cli.session import Session

UNTOLD_HEAD = ("Not told", "Of", "Why", "Tries")


def untold_rows(session: "Session", standing: "Standing") -> list[list[str]]:
    """A row below UNTOLD_HEAD for each target and alert that it did not take."""
    return [
        [target.shown, _what(each), known.reason or "", _tries(known)]
        for target, each, known in untold(session, standing)
        if known
    ]


def untold_notes(session: "Session", standing: "Standing") -> list[str]:
    """A sentence for each target that could not be told something, and why."""
    failed = {target: known for target, _, known in untold(session, standing) if known}
    return [f"{target.shown} was not told ({known.reason}): cloudgpu budget" for target, known in failed.items()]


def is_somebody_due(session: "Session", standing: "Standing") -> bool:
    """Whether something was reached that nobody tried to tell a target of yet."""
    fresh = newly_reached(standing) and read_targets(session.settings.state_dir)
    return bool(fresh) or any(known is None for _, _, known in untold(session, standing))


def untold_json(session: "Session", standing: "Standing") -> list[dict[str, object]]:
    """The same for programs. `tries` is 0 for what nobody tried to tell yet."""
    return [
        {"target": target.shown, "message": each.message, "tries": known.tries if known else 0,
         "reason": known.reason if known else None, "given_up": bool(known and known.is_given_up)}
        for target, each, known in untold(session, standing)
    ]  # fmt: skip


def _what(alert: Alert) -> str:
    return f"{alert.scope}: {'something ended' if alert.percent is None else f'{alert.percent} %'}"


def _tries(delivery: Delivery) -> str:
    return f"given up after {delivery.tries}" if delivery.is_given_up else f"{delivery.tries} of {MOST_TRIES}"
