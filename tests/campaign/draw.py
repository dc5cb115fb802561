"""Draws stories: what is typed, what goes wrong at the providers, who dies where. One seed and number, one story."""

import random
from collections.abc import Mapping

from tests.campaign.faults import draw_faults
from tests.campaign.operations import OPERATIONS
from tests.campaign.story import Command, Step, Story, Strike

_STRANGERS = (
    "training run 7", "cloudgpu", "cloudgpu-a", "名前 'quoted' \"twice\" \N{SNOWMAN}",
    "cloudgpu-deadbeef-a-0123456789ab-20260302T0000Z", "cloudgpu-deadbeef-b-0123456789ab-20200101T0000Z",
)  # fmt: skip


def draw(seed: int, number: int) -> Story:
    """The story of that number in the campaign of that seed."""
    dice = random.Random(f"campaign:{seed}:{number}")
    provider = dice.choice(("vast", "runpod"))
    homes = {"a": provider, "b": provider if dice.random() < 0.5 else dice.choice(("vast", "runpod"))}
    strangers = tuple(
        (dice.choice(("vast", "runpod")), dice.choice(_STRANGERS)) for _ in range(dice.choice((0, 0, 1, 2)))
    )
    steps = tuple(_step(dice, homes, first=index == 0) for index in range(dice.choice((1, 1, 2, 2, 3))))
    return Story(
        number=number,
        market=dice.randrange(1, 9),
        drowsy=dice.choice((1, 3, 4, 4, 4, 5, 6, 6)),
        homes=homes,
        strangers=strangers,
        steps=steps,
    )


def _step(dice: random.Random, homes: Mapping[str, str], *, first: bool) -> Step:
    commands = [_command(dice, _up(dice) if first and dice.random() < 0.85 else _operation(dice), "a")]
    if dice.random() < 0.2:
        second = _up(dice) if dice.random() < 0.3 else _operation(dice)
        commands.append(_command(dice, second, dice.choice(("a", "a", "b"))))
    faults = draw_faults(dice, homes[commands[0].name])
    pause_s = dice.choice((0.0, 0.0, 10.0, 60.0, 300.0))
    return Step(commands=tuple(commands), faults=faults, turns=dice.randrange(1 << 30), pause_s=pause_s)


def _up(dice: random.Random) -> str:
    return dice.choice(("up", "up", "up", "up", "up", "up_race_2", "up_race_3"))


def _operation(dice: random.Random) -> str:
    return dice.choice(("up", "down", "down", "gc", "gc_destroy", "status", "status_offline", "cost_offline"))


def _command(dice: random.Random, operation: str, name: str) -> Command:
    strikes = [_strike(dice, operation) for _ in range(dice.choice((0, 1, 1, 1, 2)))]
    return Command(operation=operation, name=name, strikes=tuple(strikes))


def _strike(dice: random.Random, operation: str) -> Strike:
    """Half of them strike around the request that matters, the others anywhere; most of an `up` is waiting."""
    rents, races = operation.startswith("up"), OPERATIONS[operation].races
    near = ("ask_create", "ask_create", "ask_destroy") if rents else ("ask_destroy",) if operation == "down" else ()
    after = dice.choice(near) if near and dice.random() < 0.5 else ""
    long = rents and dice.random() < 0.3
    touch = dice.randrange(40 if races else 14) if after else dice.randrange(1, 130 if long else 70 if rents else 30)
    do = dice.choices(("kill", "interrupt", "terminate", "full", "clock", "remove"), (50, 12, 6, 8, 12, 8))[0]
    seconds = dice.choice((-7200.0, -600.0, -60.0, 60.0, 600.0, 7200.0, 90_000.0)) if do == "clock" else 0.0
    return Strike(touch=touch, do=do, seconds=seconds, after=after)
