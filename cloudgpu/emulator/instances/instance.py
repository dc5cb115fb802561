"""One rented instance, as a value: what was asked for, what it costs, and the stages of its life with their times.

Stages are written down ahead of time when it is made and rewritten when someone interferes, so its state at any moment
is read off, not simulated.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from cloudgpu.emulator.engine.command import EngineCommand


class Stage(StrEnum):
    """Where in its life an instance is. Each maps to Vast's three states and to RunPod's one, in their row files."""

    SCHEDULED = "scheduled"
    CREATED = "created"
    LOADING = "loading"
    PULL_FAILED = "pull_failed"
    RUNNING = "running"
    SERVING = "serving"
    EXITED = "exited"
    STOPPED = "stopped"
    QUEUED = "queued"
    OUTBID = "outbid"
    OFFLINE = "offline"
    UNKNOWN = "unknown"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From `at` on the instance is in `stage`; `message` is Vast's status_msg, None when it says nothing."""

    at: datetime
    stage: Stage
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """From `at` on the GPUs cost this much an hour."""

    at: datetime
    gpu_usd_per_hour: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """`size_gb` gigabytes that flow at an even pace between two times; broken off at `stopped_at` unless that is None.

    Into the instance, or with `outward` out of it.
    """

    start: datetime
    end: datetime
    size_gb: Decimal
    stopped_at: datetime | None = None
    outward: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that the container prints at `at`."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """What an instance of RunPod has beside. `ports` are as asked for: `8000/http`.

    `shown_from` and `ports_from` are when the API begins to know it and its ports, None for at once; until then the
    ports are null, or with `ports_empty` a list of none. `cluster` names the cluster that it is a member of. `stale_s`
    is how long its next start will show the ports from before (`stale_ports`, until `stale_until`); `loses_gpus` that
    its next start finds no GPU, `without_gpus` that it runs without one. `network_volume` is the id of the volume that
    is mounted at `volume_path`, None: none, or its own persistent one of `volume_gb`.
    """

    pod_id: str
    gpu_type: str
    cloud: str
    ports: tuple[str, ...]
    args: str | None = None
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    volume_gb: Decimal = Decimal(0)
    volume_path: str | None = None
    locked: bool = False
    cluster: str | None = None
    shown_from: datetime | None = None
    ports_from: datetime | None = None
    ports_empty: bool = False
    stale_s: float | None = None
    stale_until: datetime | None = None
    stale_ports: dict[int, int] = field(default_factory=dict)
    loses_gpus: bool = False
    without_gpus: bool = False
    network_volume: str | None = None
    cluster_rank: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a host would like to have for the GPUs once the contract has ended, to be accepted or turned down.

    `at` is when it is made; `ends_at` is when the contract would end then.
    """

    proposal_id: int
    at: datetime
    gpu_usd_per_hour: Decimal
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A contract. `ports` maps a container port to the loopback port it is reached at.

    `ends_at` is when the host takes the machine back. `destroyed_at` None means that it still exists; `billed_until`
    may lie a little later than `destroyed_at` (the real bill can have a tail). `pod` is set for RunPod's.
    """

    instance_id: int
    ask_id: int
    machine_index: int
    gpu_indexes: tuple[int, ...]
    label: str | None
    image: str
    args: tuple[str, ...]
    env: dict[str, str]
    onstart: str | None
    runtype: str
    command: EngineCommand | None
    disk_gb: Decimal
    is_bid: bool
    ports: dict[int, int]
    api_key: str
    created_at: datetime
    ends_at: datetime
    disk_usd_per_hour: Decimal
    download_usd_per_gb: Decimal
    rates: tuple[Rate, ...]
    steps: tuple[Step, ...]
    transfers: tuple[Transfer, ...] = ()
    log: tuple[LogLine, ...] = ()
    decode_tokens_per_s: float = 50.0
    destroyed_at: datetime | None = None
    billed_until: datetime | None = None
    upload_usd_per_gb: Decimal = Decimal(0)
    proposal: Proposal | None = None
    pod: Pod | None = None

    @property
    def alive(self) -> bool:
        """Whether it still exists as a contract, whatever its state."""
        return self.destroyed_at is None


def market_of(instance: Instance) -> str:
    """`vast` or `runpod`."""
    return "vast" if instance.pod is None else "runpod"


def id_of(instance: Instance) -> int | str:
    """The id that its provider knows it by: Vast.ai's are numbers."""
    return instance.instance_id if instance.pod is None else instance.pod.pod_id


def steps_of(instance: Instance) -> tuple[Step, ...]:
    """Its stages in order of time, cut where the host takes the machine back."""
    before = tuple(step for step in instance.steps if step.at < instance.ends_at)
    return (*before, Step(at=instance.ends_at, stage=Stage.STOPPED, message="rental period ended"))


def step_at(instance: Instance, now: datetime) -> Step:
    """The stage it is in at `now`; the first one for any time before its creation."""
    steps = steps_of(instance)
    return next((step for step in reversed(steps) if step.at <= now), steps[0])


def gpu_usd_per_hour(instance: Instance, now: datetime) -> Decimal:
    """The GPU price in force at `now`."""
    return next((rate.gpu_usd_per_hour for rate in reversed(instance.rates) if rate.at <= now), _first_rate(instance))


def _first_rate(instance: Instance) -> Decimal:
    return instance.rates[0].gpu_usd_per_hour
