"""What stands on the page, before it is Markdown or HTML: words and numbers, in reading order. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudgpu.base.money import show_usd
from cloudgpu.moving.bench.figures import Figures, Spread, figures_of
from cloudgpu.moving.bench.left_out import one_sided, sentences
from cloudgpu.moving.bench.remarks import remarks
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.workload import loaded
from cloudgpu.moving.gates.judge import Evidence
from cloudgpu.moving.gates.verdict import Check, Verdict
from cloudgpu.moving.quality.trial import QualityRun, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedRow:
    """One figure at one load on both sides, as text; `change` is new over old, None when one is unknown."""

    load: str
    figure: str
    old: str
    new: str
    change: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPair:
    """A golden prompt with both answers. `old_passed` of `repeats` trials passed; `notes` say what was amiss.

    `preference` is the judge model's, None without one.
    """

    prompt: str
    question: str
    old: str
    new: str
    old_passed: int
    new_passed: int
    repeats: int
    old_notes: tuple[str, ...]
    new_notes: tuple[str, ...]
    preference: str | None

    @property
    def is_worth_reading(self) -> bool:
        """The sides differ in what they pass, something looks broken, or the judge saw a winner."""
        broken = bool(self.old_notes or self.new_notes)
        return self.old_passed != self.new_passed or broken or self.preference in ("old", "new")

    @property
    def judged(self) -> str:
        """What the judge model said, in words; empty without one."""
        words = {"old": "the judge prefers the old answer", "new": "the judge prefers the new answer", "tie": "a tie"}
        return "" if self.preference is None else words.get(self.preference, "the judge is undecided")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All of it."""

    old: str
    new: str
    old_model: str
    new_model: str
    at: datetime
    verdict: Verdict
    checks: Sequence[Check]
    speed: Sequence[SpeedRow]
    answers: Sequence[AnswerPair]
    remarks: Sequence[str]


def page_of(evidence: Evidence, verdict: Verdict) -> Page:
    """The page of a comparison; the answers most worth reading come first."""
    old, new = evidence.runs
    answers = _answers(*evidence.quality, _preferences(evidence)) if evidence.quality else []
    return Page(
        old=old.name, new=new.name, old_model=old.model, new_model=new.model, at=evidence.at, verdict=verdict,
        checks=verdict.checks, speed=_speed(old, new),
        answers=sorted(answers, key=lambda pair: not pair.is_worth_reading),
        remarks=[
            *sentences(one_sided(old, new, (old.name, new.name))),
            *(f"{run.name}: {line}" for run in (old, new) for line in remarks(run)),
        ],
    )  # fmt: skip


def value_of(check: Check, value: float | None) -> str:
    """What was measured, in its unit."""
    if value is None:
        return "-"
    match check.unit:
        case "ms":
            return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"
        case "share":
            return f"{value:.0%}"
        case "USD":
            return f"${value:.5f}"
    return f"{value:g}"


def ratio_of(check: Check) -> str:
    """The ratio with its interval."""
    return "-" if check.ratio is None else f"{check.ratio:.2f} ({check.low:.2f} to {check.high:.2f})"


def _preferences(evidence: Evidence) -> dict[str, str]:
    return {each.prompt: each.preference for each in evidence.opinions or ()}


def _speed(old: Run, new: Run) -> list[SpeedRow]:
    return [row for users in old.levels if users in new.levels for row in _level(old, new, users)]


def _level(old: Run, new: Run, users: int) -> list[SpeedRow]:
    one, other = (figures_of(run.level(users)) for run in (old, new))
    rows = [_timed(users, name, before, after) for name, before, after in (
        ("TTFT p50", _at(one.ttft, 50), _at(other.ttft, 50)), ("TTFT p95", _at(one.ttft, 95), _at(other.ttft, 95)),
        ("TPOT p50", _at(one.tpot, 50), _at(other.tpot, 50)), ("E2EL p50", _at(one.e2el, 50), _at(other.e2el, 50)),
    )]  # fmt: skip
    return [*rows, _throughput(users, one, other), *_dollars(users, old, new, one, other)]


def _timed(users: int, name: str, old_s: float | None, new_s: float | None) -> SpeedRow:
    change = new_s / old_s if old_s and new_s is not None else None
    return SpeedRow(load=loaded(users), figure=name, old=_ms(old_s), new=_ms(new_s), change=change)


def _throughput(users: int, one: Figures, other: Figures) -> SpeedRow:
    before, after = one.output_tokens_per_s, other.output_tokens_per_s
    change = after / before if before and after is not None else None
    old, new = ("-" if each is None else f"{each:,.0f}" for each in (before, after))
    return SpeedRow(load=loaded(users), figure="tokens/s", old=old, new=new, change=change)


def _dollars(users: int, old: Run, new: Run, one: Figures, other: Figures) -> list[SpeedRow]:
    before, after = one.usd_per_million(old.usd_per_hour), other.usd_per_million(new.usd_per_hour)
    if before is None or after is None:
        return []
    row = SpeedRow(
        load=loaded(users), figure="$ per 1M tokens", old=show_usd(before), new=show_usd(after),
        change=float(after / before),
    )  # fmt: skip
    return [row]


def _at(spread: Spread | None, percent: int) -> float | None:
    return None if spread is None else spread.percentiles[percent]


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms" if seconds >= 0.1 else f"{seconds * 1000:.1f} ms"


def _answers(old: QualityRun, new: QualityRun, preferences: dict[str, str]) -> list[AnswerPair]:
    before, after = _by_prompt(old), _by_prompt(new)
    return [_pair(before[prompt], after[prompt], preferences.get(prompt)) for prompt in before if prompt in after]


def _pair(old: Sequence[Trial], new: Sequence[Trial], preference: str | None) -> AnswerPair:
    one, other = _shown(old), _shown(new)
    return AnswerPair(
        prompt=one.prompt, question=one.question, old=one.text, new=other.text,
        old_passed=sum(each.passed for each in old), new_passed=sum(each.passed for each in new), repeats=len(old),
        old_notes=_notes(old), new_notes=_notes(new), preference=preference,
    )  # fmt: skip


def _shown(trials: Sequence[Trial]) -> Trial:
    """The first that failed, else the first."""
    return next((each for each in trials if not each.passed), trials[0])


def _notes(trials: Sequence[Trial]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for trial in trials for note in (*trial.failures, *trial.anomalies)))


def _by_prompt(run: QualityRun) -> dict[str, list[Trial]]:
    found: dict[str, list[Trial]] = {}
    for trial in run.trials:
        found.setdefault(trial.prompt, []).append(trial)
    return found
