"""What a measurement of one endpoint found: its stages with every sample, whole or cut short."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import reduce
from typing import Any

from cloudgpu.base.clock import parse_utc, utc_text
from cloudgpu.base.money import exact_text, usd
from cloudgpu.moving.bench.sample import Sample, Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The requests of one turn: how many users asked at once (0: one by one), and how many real seconds it took."""

    users: int
    turn: int
    duration_s: float
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One endpoint, measured. `rtt_s` is an empty round trip, None when none was answered.

    `ended` says in a sentence why it was cut short; None: it is whole. `usd_per_hour` is in real hours, None when
    nobody said what the endpoint costs.
    """

    name: str
    url: str
    model: str
    form: str
    began_at: datetime
    stages: tuple[Stage, ...]
    rtt_s: float | None = None
    usd_per_hour: Decimal | None = None
    ended: str | None = None

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Every request that was measured, less those that we stopped ourselves."""
        return counted(sample for stage in self.stages for sample in stage.samples)

    @property
    def levels(self) -> tuple[int, ...]:
        """The numbers of users that were measured, 0 for one by one, in the order of the workload."""
        return tuple(dict.fromkeys(stage.users for stage in self.stages))

    def level(self, users: int) -> Stage:
        """The turns of a level as one stage."""
        return reduce(_joined, (stage for stage in self.stages if stage.users == users))

    def as_body(self) -> dict[str, Any]:
        """The form in which it is saved: JSON values only."""
        return {
            "name": self.name, "url": self.url, "model": self.model, "form": self.form,
            "began_at": utc_text(self.began_at), "rtt_s": self.rtt_s, "ended": self.ended,
            "usd_per_hour": None if self.usd_per_hour is None else exact_text(self.usd_per_hour),
            "stages": [_stage_body(stage) for stage in self.stages],
        }  # fmt: skip

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Run":
        """What `as_body` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        return Run(
            name=body["name"], url=body["url"], model=body["model"], form=body["form"],
            began_at=parse_utc(body["began_at"]), rtt_s=body["rtt_s"], ended=body["ended"],
            usd_per_hour=None if body["usd_per_hour"] is None else usd(body["usd_per_hour"]),
            stages=tuple(_stage_from(each) for each in body["stages"]),
        )  # fmt: skip


def counted(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """Those that were not stopped by us."""
    return tuple(sample for sample in samples if sample.trouble is not Trouble.STOPPED)


def _joined(one: Stage, other: Stage) -> Stage:
    return Stage(
        users=one.users, turn=one.turn, duration_s=one.duration_s + other.duration_s,
        samples=one.samples + other.samples,
    )  # fmt: skip


def _stage_body(stage: Stage) -> dict[str, Any]:
    samples = [sample.as_body() for sample in stage.samples]
    return {"users": stage.users, "turn": stage.turn, "duration_s": stage.duration_s, "samples": samples}


def _stage_from(body: Mapping[str, Any]) -> Stage:
    return Stage(
        users=body["users"], turn=body["turn"], duration_s=body["duration_s"],
        samples=tuple(Sample.from_body(each) for each in body["samples"]),
    )  # fmt: skip
