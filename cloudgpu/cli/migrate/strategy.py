"""The strategy that the command line of `migrate` asks for, and the refusal of what cannot be."""

from dataclasses import dataclass
from decimal import Decimal

from cloudgpu.base.errors import ConflictError, UsageError
from cloudgpu.cli import render
from cloudgpu.cli.migrate.looks import steps_of_looks
from cloudgpu.cli.migrate.view import open_end_words
from cloudgpu.cli.session import Session
from cloudgpu.moving.double_run import DoubleRun
from cloudgpu.moving.gateway.desk import gateway_of
from cloudgpu.moving.gateway.route import SIDE_HEADER, ShareBy
from cloudgpu.moving.strategy import Strategy, Way

_STEPS = (10, 50)
_PAUSE_MINUTES = 5.0
_HALF = 50
_PRODUCTION = 100
UNTIL_TOLD = "ask"
NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The words of the command line; None for what was not said."""

    strategy: str | None
    steps: str | None
    pause: str | None
    weight: int | None
    share_by: str | None
    window: str | None
    auto_rollback: bool


def strategy_of(asked: Asked) -> Strategy:
    """What was asked for, with defaults. Raises UsageError for what cannot be, or says two things."""
    way = _way(asked)
    _check_belongs(asked, way)
    window_s = _minutes(asked.window, "--window", NEVER, default=60.0)
    return Strategy(
        way=way,
        steps=_steps(asked, way),
        pause_s=_minutes(asked.pause, "--pause", UNTIL_TOLD, default=_PAUSE_MINUTES) if way is Way.CANARY else 0.0,
        share_by=_share_by(asked, way),
        window_s=0.0 if way is Way.REPLACE else window_s,
        auto_rollback=asked.auto_rollback,
    )


def check_gateway(session: Session, service: str, strategy: Strategy) -> None:
    """Raise ConflictError when the strategy needs a gateway that runs and there is none."""
    found = gateway_of(session.settings.state_dir, service)
    if found is None and strategy.needs_gateway:
        raise ConflictError(
            f"{strategy.way} needs a gateway in front of {service}, and there is none",
            hint=f"cloudgpu gateway start {service}; without one: --strategy blue-green",
        )
    if found is not None and found[0].reading() is None:
        raise ConflictError(
            f"the gateway of {service} does not run, so nobody reaches it",
            hint=f"cloudgpu gateway start {service}; see: cloudgpu gateway status",
        )


def check_budget(price: DoubleRun, budget: Decimal | None) -> None:
    """Raise ConflictError when the double run costs more than the budget, or has no end that a budget could hold."""
    if budget is None:
        return
    if price.open_ends:
        endless = " and ".join(open_end_words(each) for each in price.open_ends)
        raise ConflictError(
            f"no budget holds a double run without an end: {render.money(price.on_top_usd)}, and {endless}; nothing "
            "was rented",
            hint="give it an end (--strategy canary or blue-green, --pause MINUTES, --window MINUTES), or leave "
            "--budget out",
        )
    if price.on_top_usd > budget:
        raise ConflictError(
            f"the double run costs about {render.money(price.on_top_usd)}, more than the budget of "
            f"{render.money(budget)}; nothing was rented",
            hint=f"allow more, {_cheaper(price, budget)}or: --strategy replace (loses the way back)",
        )


def _cheaper(price: DoubleRun, budget: Decimal) -> str:
    """What makes the double run as cheap as the budget, with a comma; empty when nothing does."""
    left = budget - price.until_ready_usd - price.sharing_usd
    if left >= 0 and price.old_usd_per_hour:
        minutes = int(left / price.old_usd_per_hour * 60)
        return f"keep the old side for less long (--window {minutes}), "
    if budget >= price.until_ready_usd:
        return "shorten the steps (--pause MINUTES) and the window (--window MINUTES), "
    return ""


def steps_told(
    strategy: Strategy, old: str, new: str, *, rents: bool, behind_gateway: bool, follows: bool
) -> list[str]:
    """What will happen, one sentence a step.

    `rents` is False when the new side is alive already, `follows` True when this command stays and looks.
    """
    told = [f"rent {new}, wait until it answers, warm it up"] if rents else []
    told.append(f"ask and measure both, {old} serving all the while")
    if strategy.way is Way.REPLACE:
        return [f"remove {old}: from then on nothing serves", *told[:1], f"send all requests to {new}"]
    told += [_share_told(strategy, percent, new) for percent in strategy.steps]
    if not strategy.way.stays_shared:
        takes_over = f"; the gateway asks {old} at once when {new} is dead" if behind_gateway else ""
        told.append(f"send all requests to {new}{takes_over}")
    return [*told, *steps_of_looks(strategy, old, follows=follows)]


def _share_told(strategy: Strategy, percent: int, new: str) -> str:
    match strategy.share_by:
        case ShareBy.HEADER:
            return f"lead requests with {SIDE_HEADER}: NAME to that side, {percent} % of the others to {new}"
        case ShareBy.MODEL:
            return f"lead requests that ask for one side's own model to it, {percent} % of the others to {new}"
    if strategy.way.stays_shared:
        return f"send {percent} % of the requests to {new}"
    pause = "until: cloudgpu migrate promote" if strategy.pause_s is None else render.duration(strategy.pause_s)
    return f"send {percent} % of the requests to {new}, {pause}"


def _way(asked: Asked) -> Way:
    if asked.strategy is None:
        return Way.CANARY if (asked.steps, asked.pause) != (None, None) else Way.BLUE_GREEN
    try:
        return Way(asked.strategy.lower())
    except ValueError:
        known = ", ".join(each.value for each in Way)
        raise UsageError(f"there is no strategy {asked.strategy!r}", hint=f"there is {known}") from None


def _check_belongs(asked: Asked, way: Way) -> None:
    wrong = [
        name
        for name, value, ways in (
            ("--steps", asked.steps, (Way.CANARY,)),
            ("--pause", asked.pause, (Way.CANARY,)),
            ("--weight", asked.weight, (Way.AB, Way.DUAL)),
            ("--share-by", asked.share_by, (Way.AB, Way.DUAL)),
        )
        if value is not None and way not in ways
    ]
    if wrong:
        raise UsageError(f"{wrong[0]} means nothing to the strategy {way}", hint="see: cloudgpu migrate --help")


def _steps(asked: Asked, way: Way) -> tuple[int, ...]:
    if way is Way.CANARY:
        return _STEPS if asked.steps is None else _percentages(asked.steps)
    if way is Way.AB:
        return (_HALF if asked.weight is None else asked.weight,)
    if way is Way.DUAL:
        return (_PRODUCTION if asked.weight is None else asked.weight,)
    return ()


def _percentages(text: str) -> tuple[int, ...]:
    try:
        steps = tuple(int(each) for each in text.split(","))
    except ValueError:
        steps = ()
    if not steps or list(steps) != sorted(set(steps)) or not steps[0] > 0 or not steps[-1] < 100:
        raise UsageError(
            f"--steps {text!r} are no steps", hint="growing percentages between 1 and 99, like --steps 10,50"
        )
    return steps


def _share_by(asked: Asked, way: Way) -> ShareBy:
    if asked.share_by is None:
        return ShareBy.MODEL if way is Way.DUAL else ShareBy.WEIGHT
    try:
        return ShareBy(asked.share_by.lower())
    except ValueError:
        known = ", ".join(each.value for each in ShareBy)
        raise UsageError(f"requests cannot be shared by {asked.share_by!r}", hint=f"by {known}") from None


def _minutes(text: str | None, option: str, word: str, *, default: float) -> float | None:
    """Seconds; None for the word."""
    if text is None:
        return default * 60
    if text.lower() == word:
        return None
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not 0 <= minutes <= 60 * 24 * 30:
        raise UsageError(f"{option} {text!r} is no number of minutes", hint=f"like {option} 30, or {option} {word}")
    return minutes * 60
