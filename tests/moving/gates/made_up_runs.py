"""Runs of endpoints that never were: latencies drawn around a known mean, so that the truth is known."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from cloudgpu.moving.bench.run import Run, Stage
from cloudgpu.moving.bench.sample import Sample, Trouble
from cloudgpu.moving.bench.workload import Workload
from cloudgpu.moving.gates.judge import Evidence
from cloudgpu.moving.quality.trial import QualityRun, Trial

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WORKLOAD = Workload(mark="made-up")


def made_up_run(
    draw: random.Random, *, name: str, slower: float = 1.0, noise: float = 0.15, turn_noise: float = 0.05,
    usd_per_hour: str = "0.40", crashed: int = 0, workload: Workload = WORKLOAD,
) -> Run:  # fmt: skip
    """A run of the default workload. `noise` is the spread of one request, `turn_noise` of a whole turn (log scale)."""
    stages = []
    for users, turn in workload.rounds():
        shift = draw.gauss(0, turn_noise)
        asked = [slot for user in workload.asked(users, turn) for slot, _ in user]
        samples = [_sample(draw, users, turn, slot, slower, shift, noise) for slot in asked]
        stages.append(
            Stage(
                users=users,
                turn=turn,
                duration_s=sum(each.e2el_s for each in samples) / max(users, 1),
                samples=tuple(samples),
            )
        )
    run = Run(
        name=name, url="http://x", model="m", form="chat", began_at=NOON, stages=tuple(stages),
        usd_per_hour=Decimal(usd_per_hour),
    )  # fmt: skip
    return with_crashes(run, crashed)


def with_crashes(run: Run, count: int) -> Run:
    last = run.stages[-1]
    dead = tuple(replace(each, trouble=Trouble.CUT_OFF, detail="cut") for each in last.samples[:count])
    return replace(run, stages=(*run.stages[:-1], replace(last, samples=dead + last.samples[count:])))


def made_up_quality(
    draw: random.Random, *, name: str, worse: float = 0.0, prompts: int = 30, repeats: int = 3, sure: float = 0.97
) -> QualityRun:  # fmt: skip
    """A model that passes each prompt with probability `sure`, less `worse` of it; repeats mostly agree."""
    trials = []
    for number in range(prompts):
        passes = draw.random() < sure * (1 - worse)
        for repeat in range(repeats):
            passed = passes if draw.random() < 0.9 else draw.random() < sure * (1 - worse)
            trials.append(
                Trial(
                    prompt=f"prompt {number}",
                    question="q",
                    repeat=repeat,
                    passed=passed,
                    failures=(),
                    anomalies=(),
                    text="t",
                    e2el_s=1.0,
                )
            )
    return QualityRun(name=name, trials=tuple(trials))


def evidence(seed: int, *, slower: float = 1.0, worse: float = 0.0, turn_noise: float = 0.05, **new) -> Evidence:
    draw = random.Random(seed)
    runs = (
        made_up_run(draw, name="old", turn_noise=turn_noise),
        made_up_run(draw, name="new", slower=slower, turn_noise=turn_noise, **new),
    )
    quality = (made_up_quality(draw, name="old"), made_up_quality(draw, name="new", worse=worse))
    return Evidence(at=NOON, readiness=(), runs=runs, quality=quality)


def _sample(draw, users, turn, slot, slower, shift, noise) -> Sample:
    load = 1 + users / 20
    ttft = 0.25 * load * slower * 2.718281828 ** draw.gauss(shift, noise * 1.5)
    tpot = 0.02 * load * slower * 2.718281828 ** draw.gauss(shift, noise)
    tokens = draw.randint(40, 190)
    return Sample(
        kind="fact", users=users, turn=turn, slot=slot, began_s=0.0, ttft_s=ttft, e2el_s=ttft + tpot * (tokens - 1),
        output_tokens=tokens, prompt_tokens=40, finish_reason="stop", text="t",
    )  # fmt: skip
