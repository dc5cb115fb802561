"""The gates in one call: measure both sides in turns, then weigh what was found."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import CloudgpuError
from cloudgpu.moving.bench.endpoint import Endpoint
from cloudgpu.moving.bench.measure import STOPPED, measure, warm_up
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.workload import Workload, loaded
from cloudgpu.moving.gates.answers import answer_checks
from cloudgpu.moving.gates.cost import cost_checks
from cloudgpu.moving.gates.readiness import readiness_checks
from cloudgpu.moving.gates.speed import speed_checks
from cloudgpu.moving.gates.stability import stability_checks
from cloudgpu.moving.gates.thresholds import Thresholds
from cloudgpu.moving.gates.verdict import Check, Outcome, Verdict
from cloudgpu.moving.quality.golden import GoldenSet
from cloudgpu.moving.quality.trial import QualityRun
from cloudgpu.moving.quality.trials import ask_all

OnProgress = Callable[[str, str], None]
"""Told what is being done: a phase (`readiness`, `bench`, `quality`) and a few words on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured on both sides, old first. `quality` is None when no golden prompts were asked."""

    at: datetime
    readiness: tuple[Check, ...]
    runs: tuple[Run, Run]
    quality: tuple[QualityRun, QualityRun] | None


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
    on_progress: OnProgress = lambda *_: None,
) -> Judgement:
    """Whether the new side may take over from the old one.

    Asks the new side whether it is ready, then both the same questions in turns: the workload (None: the default
    one), then the golden prompts (None: none are asked, and quality is not judged). Calls both endpoints for some
    minutes of real time; spends nothing else. Never raises for what the new side does: that fails a gate. Raises what
    `measure` raises when the old side answers nothing, and KeyboardInterrupt when it is stopped.
    """
    on_progress("readiness", new.name)
    ready = tuple(readiness_checks(new))
    if not any(check.outcome is Outcome.FAIL for check in ready):
        ready += tuple(_first_question(new, workload or Workload()))
    if any(check.outcome is Outcome.FAIL for check in ready):
        return Judgement(verdict=Verdict(old=old.name, new=new.name, at=clock.now(), checks=ready), evidence=None)
    evidence = examine(old, new, clock, ready=ready, workload=workload, golden=golden, on_progress=on_progress)
    if any(run.ended == STOPPED for run in evidence.runs):
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
    on_progress: OnProgress = lambda *_: None,
) -> Evidence:
    """Measure both sides in turns, then ask both the golden prompts. Calls both endpoints; raises as `measure`.

    Ctrl-C ends it early: the evidence holds what there was, and the runs say that they were stopped.
    """
    sides = (old, new)
    runs = measure(
        sides, workload or Workload(), clock, lambda name, users, _: on_progress("bench", f"{name}: {loaded(users)}")
    )
    stopped = any(run.ended == STOPPED for run in runs)
    marks = None
    if golden and not stopped:
        marks = ask_all(sides, golden, on_progress=lambda words: on_progress("quality", words))
    return Evidence(
        at=clock.now(), readiness=ready, runs=(runs[0], runs[1]), quality=(marks[0], marks[1]) if marks else None
    )


def weigh(evidence: Evidence, thresholds: Thresholds, *, seed: int = 0) -> Verdict:
    """What the evidence allows. Pure: the same evidence and seed always give the same verdict."""
    old, new = evidence.runs
    checks = [
        *evidence.readiness,
        *stability_checks(old, new, thresholds.stability),
        *speed_checks(old, new, thresholds, seed),
        *(answer_checks(*evidence.quality, thresholds, seed) if evidence.quality else []),
        *cost_checks(old, new, thresholds, seed),
    ]
    return Verdict(old=old.name, new=new.name, at=evidence.at, checks=tuple(checks))


def _first_question(new: Endpoint, workload: Workload) -> list[Check]:
    """A new side that answers nothing fails, and spares the old one the whole measurement."""
    try:
        warm_up(new, workload)
    except CloudgpuError as error:
        return [Check(gate="readiness", name="first question", outcome=Outcome.FAIL, reason=error.message)]
    return []
