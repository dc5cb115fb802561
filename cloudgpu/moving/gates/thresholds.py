"""How much worse than the old side the new one may be; `templates/gates/default.yaml` explains every number."""

from dataclasses import dataclass, field

from cloudgpu.moving.bench.figures import Slo


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The most that new/old may be; None: it is told and not judged. `good_enough_s`: below it no ratio matters."""

    max_ratio: float | None
    good_enough_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchLimits:
    """Limits on speed. `s_per_token` is judged only where a side does not stream, so that the others are unknown."""

    ttft: Limit = Limit(max_ratio=1.2)
    ttft_p95: Limit = Limit(max_ratio=1.5)
    tpot: Limit = Limit(max_ratio=1.2)
    s_per_token: Limit = Limit(max_ratio=1.2)
    min_samples: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityLimits:
    """Limits on what is said: the share of passed golden prompts, prompts that are lost, answers with an anomaly.

    `min_ratio` bounds new/old passes; `max_lost` counts prompts that old always and new never passes;
    `max_more_anomalies` is a share of all answers, new less old. `min_preference` bounds what a judge model prefers,
    from -1 (always old) to 1. `min_prompts` below which nothing is concluded.
    """

    min_ratio: float = 0.85
    max_lost: int = 3
    max_more_anomalies: float = 0.1
    min_preference: float = -0.2
    min_prompts: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityLimits:
    """Limits on failures of the new side. `max_more_errors` is a share of all requests, new less old."""

    max_crashes: int = 0
    max_more_errors: float = 0.05
    min_requests: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Every limit. `confidence` is that of the intervals; `min_goodput_share` is judged when an SLO is given."""

    bench: BenchLimits = BenchLimits()
    quality: QualityLimits = QualityLimits()
    stability: StabilityLimits = StabilityLimits()
    cost: Limit = Limit(max_ratio=1.5)
    slo: Slo = field(default_factory=Slo)
    min_goodput_share: float = 0.9
    confidence: float = 0.98
