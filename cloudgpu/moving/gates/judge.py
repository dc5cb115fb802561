"""The gates in one call: measure both sides in turns, then weigh what was found."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import CloudgpuError
from cloudgpu.moving.bench.endpoint import Endpoint
from cloudgpu.moving.bench.measure import STOPPED, measure, warm_up
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.workload import Workload, loaded
from cloudgpu.moving.gates.answers import answer_checks, bench_answer_checks, opinion_check
from cloudgpu.moving.gates.cost import cost_checks
from cloudgpu.moving.gates.readiness import readiness_checks
from cloudgpu.moving.gates.speed import speed_checks
from cloudgpu.moving.gates.stability import stability_checks
from cloudgpu.moving.gates.thresholds import Thresholds
from cloudgpu.moving.gates.verdict import Check, Outcome, Verdict
from cloudgpu.moving.quality.golden import GoldenSet
from cloudgpu.moving.quality.referee import Opinion, opinions
from cloudgpu.moving.quality.trial import QualityRun
from cloudgpu.moving.quality.trials import ask_all

OnProgress = Callable[[str, str], None]
"""Told what is being done: a phase (`readiness`, `bench`, `quality`) and a few words on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured on both sides, old first. `quality` is None when no golden prompts were asked, `opinions` when
    no judge model was. `stopped`: Ctrl-C ended it early."""

    at: datetime
    readiness: tuple[Check, ...]
    runs: tuple[Run, Run]
    quality: tuple[QualityRun, QualityRun] | None = None
    opinions: tuple[Opinion, ...] | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict, and what it rests on; None when the new side was not even ready."""

    verdict: Verdict
    evidence: Evidence | None


def judge(
    old: Endpoint,
    new: Endpoint,
    thresholds: Thresholds,
    clock: Clock,
    *,
    workload: Workload | None = None,
    golden: GoldenSet | None = None,
    referee: Endpoint | None = None,
    on_progress: OnProgress = lambda *_: None,
) -> Judgement:
    """Whether the new side may take over from the old one.

    Asks the new side whether it is ready, then both the same questions in turns: the workload (None: the default
    one), then the golden prompts (None: none are asked, and quality is not judged); `referee`, a judge model, compares
    the answers when it is given. Calls both endpoints for some minutes of real time; spends nothing else. Never raises
    for what the new side does: that fails a gate. Raises what `measure` raises when the old side answers nothing, and
    KeyboardInterrupt when it is stopped.
    """
    on_progress("readiness", new.name)
    ready = tuple(readiness_checks(new))
    if not any(check.outcome is Outcome.FAIL for check in ready):
        ready += tuple(_first_question(new, workload or Workload()))
    if any(check.outcome is Outcome.FAIL for check in ready):
        return Judgement(verdict=Verdict(old=old.name, new=new.name, at=clock.now(), checks=ready), evidence=None)
    evidence = examine(
        old, new, clock, ready=ready, workload=workload, golden=golden, referee=referee, on_progress=on_progress
    )
    if evidence.stopped:
        raise KeyboardInterrupt
    return Judgement(verdict=weigh(evidence, thresholds), evidence=evidence)


def examine(
    old: Endpoint,
    new: Endpoint,
    clock: Clock,
    *,
    ready: tuple[Check, ...] = (),
    workload: Workload | None = None,
    golden: GoldenSet | None = None,
    referee: Endpoint | None = None,
    on_progress: OnProgress = lambda *_: None,
) -> Evidence:
    """Measure both sides in turns, then ask both the golden prompts. Calls both endpoints; raises as `measure`.

    A judge that gives no answer to a first question raises in the same way, before anything is measured. Ctrl-C ends it
    early: the evidence holds what there was, and says so.
    """
    sides, workload = (old, new), workload or Workload()
    if referee is not None:
        warm_up(referee, workload)  # a judge that cannot answer is told before anything is measured
    one, other = measure(
        sides, workload, clock, lambda name, users, _: on_progress("bench", f"{name}: {loaded(users)}")
    )
    on_progress("bench", f"{len(one.samples) + len(other.samples)} requests to both sides")
    evidence = Evidence(at=clock.now(), readiness=ready, runs=(one, other), stopped=STOPPED in (one.ended, other.ended))
    try:
        return evidence if one.ended or other.ended else _questioned(evidence, sides, golden, referee, on_progress)
    except KeyboardInterrupt:
        return replace(evidence, stopped=True)


def weigh(evidence: Evidence, thresholds: Thresholds, *, seed: int = 0) -> Verdict:
    """What the evidence allows. Pure: the same evidence and seed always give the same verdict."""
    old, new = evidence.runs
    checks = [
        *evidence.readiness,
        *stability_checks(old, new, thresholds.stability),
        *speed_checks(old, new, thresholds, seed),
        *bench_answer_checks(old, new, thresholds, seed),
        *(answer_checks(*evidence.quality, thresholds, seed) if evidence.quality else []),
        *([opinion_check(evidence.opinions, thresholds, seed)] if evidence.opinions is not None else []),
        *cost_checks(old, new, thresholds, seed),
    ]
    return Verdict(old=old.name, new=new.name, at=evidence.at, checks=tuple(checks))


def _questioned(
    evidence: Evidence, sides: tuple[Endpoint, Endpoint], golden: GoldenSet | None, referee: Endpoint | None,
    on_progress: OnProgress,
) -> Evidence:  # fmt: skip
    """The evidence with the golden prompts of both sides, and what the judge makes of them."""
    if golden is None:
        return evidence
    old, new = ask_all(sides, golden, on_progress=lambda words: on_progress("quality", words))
    evidence = replace(evidence, quality=(old, new))
    if referee is None:
        return evidence
    return replace(
        evidence, opinions=opinions(referee, old, new, on_progress=lambda words: on_progress("judge", words))
    )


def _first_question(new: Endpoint, workload: Workload) -> list[Check]:
    """A new side that answers nothing fails, and spares the old one the whole measurement."""
    try:
        warm_up(new, workload)
    except CloudgpuError as error:
        return [Check(gate="readiness", name="first question", outcome=Outcome.FAIL, reason=error.message)]
    return []
