"""From samples to figures: percentiles, throughput, goodput. Pure; times are in real seconds."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean, pstdev

from cloudgpu.base.money import usd_from_float
from cloudgpu.moving.bench.run import Stage, counted
from cloudgpu.moving.bench.sample import Sample

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Mean, standard deviation and percentiles of some values, in seconds."""

    mean: float
    std: float
    percentiles: Mapping[int, float]

    @property
    def median(self) -> float:
        """The 50th percentile."""
        return self.percentiles[50]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """What a request must keep to be a good one: the most seconds of each, None: no limit."""

    ttft_s: float | None = None
    tpot_s: float | None = None
    e2el_s: float | None = None

    @property
    def is_given(self) -> bool:
        """At least one limit."""
        return any(each is not None for each in (self.ttft_s, self.tpot_s, self.e2el_s))

    def is_met(self, sample: Sample) -> bool:
        """Whether the request was answered within every limit. What could not be measured does not keep its limit."""
        pairs = ((self.ttft_s, sample.ttft_s), (self.tpot_s, sample.tpot_s), (self.e2el_s, sample.e2el_s))
        if sample.trouble is not None:
            return False
        return all(limit is None or (value is not None and value <= limit) for limit, value in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A level of users, summed up. A spread is None when no request of it could be measured in that way.

    `output_tokens` counts what the server counted; None when it does not count. `goodput` is requests a second that
    keep the SLO, None when none is given. `troubles` counts the failures by kind.
    """

    users: int
    requests: int
    completed: int
    duration_s: float
    ttft: Spread | None
    answer: Spread | None
    tpot: Spread | None
    itl: Spread | None
    e2el: Spread | None
    input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    goodput: float | None
    troubles: Mapping[str, int]
    thinks: bool

    @property
    def requests_per_s(self) -> float:
        """Answered requests a second."""
        return self.completed / self.duration_s if self.duration_s else 0.0

    @property
    def output_tokens_per_s(self) -> float | None:
        """All users together."""
        return None if self.output_tokens is None or not self.duration_s else self.output_tokens / self.duration_s

    def usd_per_million(self, usd_per_hour: Decimal | None) -> Decimal | None:
        """Dollars for a million output tokens at this load, were it kept up all the time; None when one is unknown."""
        speed = self.output_tokens_per_s
        if usd_per_hour is None or not speed:
            return None
        return usd_per_hour * 1_000_000 / (usd_from_float(speed) * 3600)


def figures_of(stage: Stage, slo: Slo | None = None) -> Figures:
    """The figures of one level of users."""
    samples = counted(stage.samples)
    good = [sample for sample in samples if sample.trouble is None]
    return Figures(
        users=stage.users, requests=len(samples), completed=len(good), duration_s=stage.duration_s,
        ttft=_spread(good, lambda sample: sample.ttft_s), tpot=_spread(good, lambda sample: sample.tpot_s),
        answer=_spread(good, lambda sample: sample.answer_s),
        e2el=_spread(good, lambda sample: sample.e2el_s), itl=spread([gap for each in good for gap in each.itls_s]),
        input_tokens=_total(good, lambda sample: sample.prompt_tokens),
        output_tokens=_total(good, lambda sample: sample.output_tokens),
        reasoning_tokens=_total(good, lambda sample: sample.reasoning_tokens),
        goodput=_goodput(samples, stage.duration_s, slo) if slo and slo.is_given else None,
        troubles=troubles(samples),
        thinks=any(sample.reasoning for sample in good),
    )  # fmt: skip


def spread(values: Sequence[float]) -> Spread | None:
    """Mean, deviation and percentiles; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return Spread(
        mean=fmean(ordered), std=pstdev(ordered),
        percentiles={p: percentile(ordered, p) for p in PERCENTILES},
    )  # fmt: skip


def percentile(ordered: Sequence[float], p: float) -> float:
    """The p-th percentile of sorted values, between two neighbours by proportion (numpy's default). Not of nothing."""
    at = (len(ordered) - 1) * p / 100
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def troubles(samples: Sequence[Sample]) -> dict[str, int]:
    """How often each kind of failure came, the most frequent first."""
    kinds = [sample.trouble.value for sample in samples if sample.trouble]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds), key=lambda kind: -kinds.count(kind))}


def _goodput(samples: Sequence[Sample], duration_s: float, slo: Slo) -> float:
    return sum(slo.is_met(sample) for sample in samples) / duration_s if duration_s else 0.0


def _spread(samples: Sequence[Sample], value: Callable[[Sample], float | None]) -> Spread | None:
    return spread([each for sample in samples if (each := value(sample)) is not None])


def _total(samples: Sequence[Sample], count: Callable[[Sample], int | None]) -> int | None:
    """The sum; None when a single request was not counted, for half a sum would pass for the whole."""
    counts = [each for sample in samples if (each := count(sample)) is not None]
    return sum(counts) if counts and len(counts) == len(samples) else None
