"""The shortest of its kind that fails in the same way: parts are taken out one by one, as long as it still does."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from tests.campaign.game import D, Game, Plays

T = TypeVar("T")


def shrunk(game: Game[D], stage: Plays[D], drawn: D, broken: str) -> D:
    """What was drawn less everything that the failure does not need. `broken` names its kind before the colon."""
    kind = broken.partition(":")[0]
    smaller = True
    while smaller:
        smaller = False
        for shorter in game.shorter(drawn):
            if any(each.startswith(kind) for each in stage.play(shorter).broken):
                drawn, smaller = shorter, True
                break
    return drawn


def one_less(parts: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    """The parts without the first, without the second, and so on."""
    for index in range(len(parts)):
        yield parts[:index] + parts[index + 1 :]


def one_changed(parts: tuple[T, ...], change: Callable[[T], Iterator[T]]) -> Iterator[tuple[T, ...]]:
    """The parts with one of them changed, in every way that `change` knows."""
    for index, part in enumerate(parts):
        for changed in change(part):
            yield (*parts[:index], changed, *parts[index + 1 :])
