"""Which program goes to which card."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import prod

MOST_WAYS = 5000
"""Up to so many ways all are tried; beyond, the largest program goes to the emptiest card."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What moves as one: a program. `cards` is how many it is shared out over, `pins` where its owner wants it."""

    cards: int
    pins: tuple[int, ...] = ()


Used = Callable[[int, int], float]
"""(unit, card) to the GiB that the unit takes there."""


def place(units: Sequence[Unit], rooms_gib: Sequence[float], used: Used) -> list[tuple[int, ...]]:
    """For each unit its cards, so that the fullest card keeps as much room as possible.

    A unit that wants more cards than there are gets all of them.
    """
    choices = [_choices(unit, len(rooms_gib)) for unit in units]
    if prod(len(each) for each in choices) <= MOST_WAYS:
        return list(max(product(*choices), key=lambda way: min(_left(list(way), rooms_gib, used))))
    return _largest_first(choices, rooms_gib, used)


def _choices(unit: Unit, cards: int) -> list[tuple[int, ...]]:
    if unit.pins:
        return [unit.pins]
    return list(combinations(range(cards), min(unit.cards, cards)))


def _left(way: Sequence[tuple[int, ...]], rooms_gib: Sequence[float], used: Used) -> list[float]:
    left = list(rooms_gib)
    for unit, cards in enumerate(way):
        for card in cards:
            left[card] -= used(unit, card)
    return left


def _largest_first(
    choices: Sequence[list[tuple[int, ...]]], rooms_gib: Sequence[float], used: Used
) -> list[tuple[int, ...]]:
    left = list(rooms_gib)
    found: dict[int, tuple[int, ...]] = {}
    for unit in sorted(range(len(choices)), key=lambda index: -max(used(index, card) for card in range(len(left)))):
        best = max(choices[unit], key=lambda cards: min(left[card] - used(unit, card) for card in cards))
        found[unit] = best
        for card in best:
            left[card] -= used(unit, card)
    return [found[unit] for unit in range(len(choices))]
