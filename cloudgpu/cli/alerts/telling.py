"""Telling the targets what a budget reached: raised once, then sent to each target until it takes it."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cloudgpu.accounting import alert
from cloudgpu.accounting.alert import Alert, Delivery, waiting
from cloudgpu.accounting.use import Use, used_words
from cloudgpu.base.clock import SystemClock
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.money import exact_text
from cloudgpu.cli.alerts.standing import Standing
from cloudgpu.cli.session import Session
from cloudgpu.running.alert_target import Target, read_targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One try: whom, what, and how it went."""

    target: Target
    alert: Alert
    delivery: Delivery

    @property
    def line(self) -> str:
        """For people."""
        if self.delivery.reason is None:
            return f"Told {self.target.shown}."
        return f"Could not tell {self.target.shown}: {_why(self.delivery)}."


@dataclass(slots=True)
class Round:
    """What one round of telling did: the messages that were new, and each try."""

    new: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)

    @property
    def failed(self) -> list[Sent]:
        """The tries that nobody took."""
        return [each for each in self.sent if each.delivery.reason is not None]


def tell_new(session: Session, standing: Standing) -> Round:
    """Raise what was newly reached, and send to each target what it was not told yet. Calls the network."""
    done = Round()
    for use in newly_reached(standing):
        done.new.append(used_words(use))
        _raise(session, standing, use, _key(use), use.crossed, done.new[-1])
    done.sent += _send_waiting(session, standing, read_targets(session.settings.state_dir))
    return done


def tell_ended(session: Session, standing: Standing, use: Use, token: str, message: str) -> Round:
    """Raise that a life was ended because this limit is used up, and send it. Calls the network."""
    key = f"{use.scope} {use.month} ended {token}"
    _raise(session, standing, use, key, None, message)
    sent = [
        _send(session, standing, standing.alerts[key], target) for target in read_targets(session.settings.state_dir)
    ]
    return Round(new=[message], sent=sent)


def newly_reached(standing: Standing) -> list[Use]:
    """The limits of which a share was reached that was not raised yet, nor a higher one: a bill may take some back."""
    return [use for use in standing.uses if (use.crossed or 0) > _raised(standing, use)]


def send_now(session: Session, standing: Standing, targets: Iterable[Target]) -> list[Sent]:
    """Send to these targets what waits for them, given up or not, without a pause. Calls the network."""
    return list(_send_waiting(session, standing, targets, at_once=True))


def untold(session: Session, standing: Standing) -> list[tuple[Target, Alert, Delivery | None]]:
    """What each target of this machine is still to be told, with the tries so far (None: not tried yet)."""
    return [
        (target, each, each.deliveries.get(target.fingerprint))
        for target in read_targets(session.settings.state_dir)
        for each in waiting(standing.alerts, standing.budget, target.fingerprint, _month(standing))
    ]


def _send_waiting(
    session: Session, standing: Standing, targets: Iterable[Target], *, at_once: bool = False
) -> Iterator[Sent]:
    for target in targets:
        for each in waiting(standing.alerts, standing.budget, target.fingerprint, _month(standing)):
            if at_once or _is_due(each.deliveries.get(target.fingerprint)):
                yield _send(session, standing, each, target)


def _raised(standing: Standing, use: Use) -> int:
    """The highest share of this limit, in percent, that was raised this month; 0 for none."""
    ours = (use.scope, use.limit_usd, use.month)
    same = (each for each in standing.alerts.values() if (each.scope, each.limit_usd, each.month) == ours)
    return max((each.percent or 0 for each in same), default=0)


def _key(use: Use) -> str:
    return f"{use.scope} {exact_text(use.limit_usd)} {use.month} {use.crossed}"


def _is_due(delivery: Delivery | None) -> bool:
    return delivery is None or (not delivery.is_given_up and SystemClock().now() >= delivery.next_at)


def _send(session: Session, standing: Standing, what: Alert, target: Target) -> Sent:
    from cloudgpu.running.alerts import send  # requests comes with it

    why = send(target, what.message, os.environ.get("CLOUDGPU_SMTP"))
    data = {"key": what.key, "target": target.fingerprint, "reason": why}
    _note(session, standing, Event(kind=EventKind.ALERT_SENT, at=SystemClock().now(), data=data))
    return Sent(target=target, alert=what, delivery=what.deliveries[target.fingerprint])


def _raise(session: Session, standing: Standing, use: Use, key: str, percent: int | None, message: str) -> None:
    data = {
        "key": key, "scope": use.scope, "limit_usd": exact_text(use.limit_usd), "month": use.month, "percent": percent,
        "message": message,
    }  # fmt: skip
    _note(session, standing, Event(kind=EventKind.ALERTED, at=SystemClock().now(), data=data))


def _note(session: Session, standing: Standing, event: Event) -> None:
    session.emit(event)
    alert.add(standing.alerts, event)


def _month(standing: Standing) -> str:
    return max((use.month for use in standing.uses), default="")


def _why(delivery: Delivery) -> str:
    if delivery.is_given_up:
        return f"{delivery.reason}, given up after {delivery.tries} tries"
    return f"{delivery.reason}, try {delivery.tries} of {alert.MOST_TRIES}"
