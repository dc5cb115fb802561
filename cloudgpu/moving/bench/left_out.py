"""What of two runs stands beside nothing: loads of one side alone, and figures that one side does not tell. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from cloudgpu.moving.bench.contrast import timed
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.workload import loaded

NAMES = ("A", "B")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A load that is not compared, or only those of its `figures` (empty: all), and why.

    `only` is the side that was measured under it, None when both were.
    """

    users: int
    figures: tuple[str, ...]
    only: str | None
    reason: str

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return asdict(self)


def left_out(one: Run, other: Run, names: tuple[str, str] = NAMES) -> list[LeftOut]:
    """By load: what only one side has, then what is known of one side alone. `names` are what the sides are called."""
    return [*one_sided(one, other, names), *_untold(one, other, names)]


def one_sided(one: Run, other: Run, names: tuple[str, str] = NAMES) -> list[LeftOut]:
    """The loads of one side alone: of the first, then of the other."""
    first, second = names
    return [*_alone(one, first, other, second), *_alone(other, second, one, first)]


def sentences(left: Sequence[LeftOut]) -> list[str]:
    """A sentence for each reason, with every load that it holds for."""
    return [
        f"Left out: {_what(list(group), figures)} ({reason})."
        for (figures, reason), group in groupby(left, key=lambda each: (each.figures, each.reason))
    ]


def _what(group: Sequence[LeftOut], figures: tuple[str, ...]) -> str:
    loads = ", ".join(loaded(each.users) for each in group)
    return f"{', '.join(figures)} of {loads}" if figures else loads


def _alone(run: Run, name: str, other: Run, other_name: str) -> Iterator[LeftOut]:
    ended = f"; {other_name} ended early: {other.ended}" if other.ended else ""
    for users in (level for level in run.levels if level not in other.levels):
        reason = f"only {name} was measured under it{ended}"
        yield LeftOut(users=users, figures=(), only=name, reason=reason)


def _untold(one: Run, other: Run, names: tuple[str, str]) -> Iterator[LeftOut]:
    for users in (level for level in one.levels if level in other.levels):
        sides = {name: timed(run, users) for name, run in zip(names, (one, other), strict=True)}
        silent = [name for name, told in sides.items() if not any(told.values())]
        if silent:
            reason = f"no request of {' and '.join(silent)} was answered"
            yield LeftOut(users=users, figures=(), only=None, reason=reason)
        else:
            for reason, figures in _by_reason(sides).items():
                yield LeftOut(users=users, figures=tuple(figures), only=None, reason=reason)


def _by_reason(sides: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, list[str]]:
    """The figures that a side does not tell; `sides` are what each tells, by figure."""
    found: dict[str, list[str]] = {}
    for figure in next(iter(sides.values())):
        missing = [name for name, told in sides.items() if not told[figure]]
        if missing:
            reason = f"{missing[0]} does not tell it" if len(missing) == 1 else "neither side tells it"
            found.setdefault(reason, []).append(figure)
    return found
