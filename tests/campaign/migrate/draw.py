"""Draws tales. One seed and number, one tale."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests.campaign.faults import draw_faults
from tests.campaign.migrate.tale import Chapter, Tale, Typed
from tests.campaign.story import Strike

_FATES = (
    "new_dies", "new_dies", "new_slow", "new_errs", "new_garbage", "new_silent", "new_offline", "new_removed",
    "new_stops", "old_stops", "old_dies", "old_silent", "old_offline", "old_removed", "old_slow", "new_busy",
    "old_busy", "gateway_gone", "gateway_gone", "well",
)  # fmt: skip
_VERBS = (
    "migrate", "migrate", "promote", "promote", "promote_full", "pause", "resume", "resume", "resume_force", "rollback",
    "rollback", "rollback_force", "finalize", "finalize", "abort", "abort_force", "status", "status", "follow",
    "follow", "gateway_start", "down_old", "down_new", "gc_destroy",
)  # fmt: skip
_STRIKES = (0, 0, 1, 1, 1, 2)
_DROWSY = (1, 8, 12, 12, 12, 16, 16, 16)
"""An engine that loads is looked at every five seconds, or as many times as rarely."""
_MINUTES = ("0", "2", "10", "never")
_LONG = frozenset({"migrate", "resume", "resume_force"})


def draw(seed: int, number: int) -> Tale:
    """The tale of that number in the campaign of that seed. Every fortieth has a real HAProxy in front."""
    dice = random.Random(f"migrate:{seed}:{number}")
    provider = dice.choice(("vast", "runpod"))
    gateway = "haproxy" if number % 40 == 0 else dice.choice(("stood_in", "stood_in", "stood_in", "direct"))
    return Tale(
        number=number,
        market=dice.randrange(1, 9),
        drowsy=dice.choice(_DROWSY),
        provider=provider,
        gateway=gateway,
        words=_words(dice, gateway),
        chapters=tuple(_chapter(dice, provider, index) for index in range(dice.choice((1, 1, 1, 1, 2, 2, 3, 4)))),
    )


def _words(dice: random.Random, gateway: str) -> tuple[str, ...]:
    ways = ("blue-green", "replace") if gateway == "direct" else ("blue-green", "canary", "canary", "ab", "dual")
    way = dice.choice((*ways, "blue-green", *(() if dice.random() < 0.8 else ("replace",))))
    words = ["--strategy", way]
    if way == "canary":
        steps = dice.choice((("10,50",), ("50",), ("10,50,90",)))
        words += ["--steps", *steps, "--pause", dice.choice(("ask", "0", "1", "3"))]
    if way in ("ab", "dual") and dice.random() < 0.5:
        words += ["--weight", dice.choice(("1", "50", "100"))]
    if way != "replace":
        words += ["--window", dice.choice(_MINUTES)]
    if dice.random() < 0.15:
        words.append("--no-auto-rollback")
    if dice.random() < 0.1:
        words.append("--follow")
    return (*words, *(["--force"] if dice.random() < 0.1 else []))


def _chapter(dice: random.Random, provider: str, index: int) -> Chapter:
    first = index == 0
    typed = [_typed(dice, "migrate" if first else dice.choice(_VERBS), strikes=(0, 0, 1) if first else _STRIKES)]
    if dice.random() < 0.12:
        typed.append(_typed(dice, dice.choice(_VERBS)))
    fates = dice.choices(_FATES, k=dice.choice((0, 0, 1) if first else (0, 1, 1, 2)))
    return Chapter(
        typed=tuple(typed),
        fates=tuple(each for each in fates if not (first and each.startswith("new"))),
        faults=_of_provider(dice, provider, first=first),
        gates=dice.choice(("pass",) * 7 + ("fail", "unclear")),
        turns=dice.randrange(1 << 30),
        pause_s=dice.choice((0.0, 30.0, 90.0, 300.0, 900.0, 7200.0)),
    )


def _of_provider(dice: random.Random, provider: str, *, first: bool) -> tuple[Mapping[str, Any], ...]:
    if first and dice.random() < 0.08:
        return ({"provider": provider, "on": "instance", "do": "oom", "times": dice.choice((1, 3))},)
    return draw_faults(dice, provider) if dice.random() < 0.3 else ()


def _typed(dice: random.Random, operation: str, strikes: Sequence[int] = _STRIKES) -> Typed:
    struck = (_strike(dice, operation) for _ in range(dice.choice(strikes)))
    return Typed(operation=operation, strikes=tuple(struck))


def _strike(dice: random.Random, operation: str) -> Strike:
    """Half of them strike around a request, a write or a file that matters, the others anywhere."""
    after = dice.choice(("", "", "ask_create", "ask_destroy", "file", "write"))
    if after == "ask_create" and operation not in _LONG:
        after = "file"
    touch = dice.randrange(12) if after else dice.randrange(1, 160 if operation in _LONG else 40)
    do = dice.choices(("kill", "interrupt", "terminate", "fate"), (60, 10, 5, 25))[0]
    return Strike(touch=touch, do=dice.choice(_FATES) if do == "fate" else do, after=after)
