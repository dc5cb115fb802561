"""Two runs side by side: each figure of each level with its ratio, and whether that is more than chance. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cloudgpu.moving.bench.figures import percentile
from cloudgpu.moving.bench.interval import Interval, ratio_of_quantiles
from cloudgpu.moving.bench.run import Run, counted
from cloudgpu.moving.bench.sample import Sample

LEAST = 12
"""Fewer samples on a side say nothing of a difference."""
CONFIDENCE = 0.95
INTERVALS = f"Intervals hold with {CONFIDENCE * 100:g} %; fewer than {LEAST} samples on a side tell no difference."


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One figure of one level of users: its value on both sides in seconds, and the ratio, other over one.

    `interval` is None with fewer than 12 samples on a side.
    """

    users: int
    name: str
    one_s: float
    other_s: float
    interval: Interval | None

    @property
    def ratio(self) -> float:
        """Other over one: what the table shows, and the words mean."""
        return self.other_s / self.one_s

    @property
    def words(self) -> str:
        """What that means: `12 % slower`, `no difference seen`, `too few samples`."""
        if self.interval is None:
            return "too few samples"
        is_slower, is_faster = self.interval.low > 1 < self.ratio, self.interval.high < 1 > self.ratio
        if not is_slower and not is_faster:
            return "no difference seen"
        change = f"{abs(round(self.ratio, 2) - 1):.0%}"
        return f"{'less than 1%' if change == '0%' else change} {'slower' if is_slower else 'faster'}"

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return asdict(self) | {"meaning": self.words}


def contrasts(one: Run, other: Run, *, seed: int = 0) -> list[Contrast]:
    """Medians of TTFT, TPOT and E2EL, and the slow end of TTFT, of each level at which both runs tell them."""
    found = []
    for users in (level for level in one.levels if level in other.levels):
        sides = [timed(run, users) for run in (one, other)]
        for name, share, _ in _FIGURES:
            values = [told[name] for told in sides]
            if all(values):
                found.append(_contrast(users, name, share, values[0], values[1], seed))
    return found


def timed(run: Run, users: int) -> dict[str, list[float]]:
    """By figure, the seconds of each request of a level that was answered and tells it."""
    samples = [each for each in counted(run.level(users).samples) if not each.trouble]
    return {name: _values(samples, value) for name, _, value in _FIGURES}


def _contrast(users: int, name: str, share: float, one: Sequence[float], other: Sequence[float], seed: int) -> Contrast:
    interval = ratio_of_quantiles(one, other, share, confidence=CONFIDENCE, seed=seed)
    return Contrast(
        users=users, name=name, one_s=_quantile(one, share), other_s=_quantile(other, share),
        interval=interval if min(len(one), len(other)) >= LEAST else None,
    )  # fmt: skip


def _quantile(values: Sequence[float], share: float) -> float:
    return percentile(sorted(values), share * 100)


def _values(samples: Sequence[Sample], value: Callable[[Sample], float | None]) -> list[float]:
    return [each for sample in samples if (each := value(sample))]


_FIGURES: Sequence[tuple[str, float, Callable[[Sample], float | None]]] = (
    ("TTFT median", 0.5, lambda sample: sample.ttft_s),
    ("TTFT p95", 0.95, lambda sample: sample.ttft_s),
    ("TPOT median", 0.5, lambda sample: sample.tpot_s),
    ("E2EL median", 0.5, lambda sample: sample.e2el_s),
)
