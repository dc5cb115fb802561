"""Alerts of a budget: what was reached, whom it was told, and who is still to be told. Pure.

A target is known here by its fingerprint alone: a webhook's address is a secret, and no event holds one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.accounting.budget import Budget
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.money import usd

MOST_TRIES = 24
"""So often an alert is sent to a target that does not take it: about half a day of a `watch` that runs."""

_AT_ONCE = 5
_LONGEST_PAUSE_MINUTES = 60


@dataclass(slots=True, kw_only=True)
class Delivery:
    """How one target took one alert. `reason` is why not, at the last try; None once it was told."""

    last_at: datetime
    tries: int = 0
    reason: str | None = None

    @property
    def is_given_up(self) -> bool:
        """Whether it was tried as often as it is by itself."""
        return self.reason is not None and self.tries >= MOST_TRIES

    @property
    def next_at(self) -> datetime:
        """Not before: the first five tries follow at every look, the pauses after them double up to an hour."""
        late = self.tries - _AT_ONCE
        pause = min(2**late, _LONGEST_PAUSE_MINUTES) if late >= 0 else 0
        return self.last_at + timedelta(minutes=pause)


@dataclass(slots=True, kw_only=True)
class Alert:
    """A share of a limit that was reached, or (`percent` None) something that was ended because a limit is used up.

    `month` is that of the spending (`2026-11`). `deliveries` tells of each target that was tried, by its fingerprint.
    """

    key: str
    scope: str
    limit_usd: Decimal
    month: str
    percent: int | None
    message: str
    deliveries: dict[str, Delivery] = field(default_factory=dict)

    def waits_for(self, target: str) -> bool:
        """Whether this target was not told yet, tried or not."""
        known = self.deliveries.get(target)
        return known is None or known.reason is not None


Alerts = Mapping[str, Alert]
"""By their key, oldest first."""


def add(found: dict[str, Alert], event: Event) -> None:
    """Take an ALERTED or ALERT_SENT event in; one that an older version wrote names no alert and is left out."""
    data = event.data
    if event.kind is EventKind.ALERTED and "key" in data:
        found.setdefault(data["key"], Alert(
            key=data["key"], scope=data["scope"], limit_usd=usd(data["limit_usd"]), month=data["month"],
            percent=data["percent"], message=data["message"],
        ))  # fmt: skip
    elif event.kind is EventKind.ALERT_SENT and data["key"] in found:
        known = found[data["key"]].deliveries.setdefault(data["target"], Delivery(last_at=event.at))
        known.last_at, known.reason = event.at, data["reason"]
        known.tries += 1


def waiting(alerts: Alerts, budget: Budget | None, target: str, month: str) -> list[Alert]:
    """What this target is still to be told, oldest first.

    Not what is moot: a limit that was changed or taken away, a share that a higher one has followed, a month that was
    over before the target was first tried.
    """
    limits = set(budget.limits()) if budget else set()
    return [
        alert for alert in alerts.values()
        if alert.waits_for(target) and (alert.scope, alert.limit_usd) in limits
        and (target in alert.deliveries or alert.month == month) and not _followed(alert, alerts.values())
    ]  # fmt: skip


def _followed(alert: Alert, every: Iterable[Alert]) -> bool:
    same = (each for each in every if (each.scope, each.limit_usd, each.month) == _of(alert))
    return alert.percent is not None and any((each.percent or 0) > alert.percent for each in same)


def _of(alert: Alert) -> tuple[str, Decimal, str]:
    return alert.scope, alert.limit_usd, alert.month
