"""What the store keeps: a deployment (one life of one instance), and the service that it serves."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from cloudgpu.base.clock import parse_utc, utc_text
from cloudgpu.base.money import ZERO, exact_text, usd
from cloudgpu.base.secret import Secret
from cloudgpu.planning.offers.offer import cards
from cloudgpu.running.engine_reading import EngineReading
from cloudgpu.running.gpu_load import GpuLoad
from cloudgpu.serving.launch import HealthCheck


class DeploymentState(StrEnum):
    """Where a deployment stands.

    intended ─► creating ─► provisioning ─► starting ─► loading ─► ready ─► draining
        │           │              └─────────┴────────────┴──────────┴──► failed (it exists, it does not serve)
        │           │                                                ├──► stopped (not by us; its disk bills)
        │           │                                                └──► outbid (its disk bills; it may come back)
        │           └─► uncertain ─► provisioning (found by its token)
        └─► abandoned ◄────┘ (provably never created)
    any with an instance ─► destroying ─► gone | cleanup_failed ─► gone
    """

    INTENDED = "intended"
    CREATING = "creating"
    UNCERTAIN = "uncertain"
    PROVISIONING = "provisioning"
    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"
    OUTBID = "outbid"
    DRAINING = "draining"
    DESTROYING = "destroying"
    CLEANUP_FAILED = "cleanup_failed"
    GONE = "gone"
    ABANDONED = "abandoned"

    @property
    def is_final(self) -> bool:
        """Nothing exists any more, and that is proved."""
        return self in (DeploymentState.GONE, DeploymentState.ABANDONED)

    @property
    def is_unwell(self) -> bool:
        """It exists, was shown, and serves nobody."""
        return self in (DeploymentState.FAILED, DeploymentState.STOPPED, DeploymentState.OUTBID)

    @property
    def is_in_doubt(self) -> bool:
        """A create may have gone out, and nobody knows what became of it."""
        return self in (DeploymentState.CREATING, DeploymentState.UNCERTAIN)

    @property
    def is_ending(self) -> bool:
        """Its end was asked for and is not proved."""
        return self in (DeploymentState.DESTROYING, DeploymentState.CLEANUP_FAILED)

    @property
    def is_unsettled(self) -> bool:
        """Something may bill that nobody can vouch for: every command says so and exits with 6."""
        return self.is_in_doubt or self.is_ending


class DestroyAnswer(StrEnum):
    """The provider's answer to a request to destroy it. Once accepted, a later "none of that id" adds nothing."""

    ACCEPTED = "accepted"
    UNKNOWN_ID = "unknown_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One instance from its intent to its proven end. `token` is its label at the provider and its key in the store.

    `name` is what a person types; at most one deployment of a name is not final, but while several machines race for
    it (`up --hedge`), and when such a race was killed. `model` is the Hub id that was asked
    for, `short_name` its alias. Prices are dollars per hour while it runs, `download_usd` is expected once. `account`
    is the provider's account it was rented with. `missing_since` is the time of the first complete listing that lacked
    it. `endpoint` is None until its address is known, `ready_at` until it answered a completion.
    `agreed_usd_per_hour` is the most that GPU and disk together may cost, as agreed before it was rented: prices that
    are observed never move it. None for what `gc` found. `launch_digest` tells apart what may run on it,
    `wish` what was asked for.
    `ends_by_itself`: the end of its lease is its end, as was asked for; else a lease that is over is only said.
    `dead_man_s` is how long after its first start a timer within the instance ends it, None: there is none.
    `idle_stop_s` is after how long without work it is to end, None: never. `unanswered` is how often in a row it
    did not answer, `engine` what its engine's counters said when they were read last, `gpu_load` how busy its cards
    were at the last look; None: never told.
    `destroy_answer` is None until a request to destroy it was answered. `api_key` is what its engine was started with;
    None when that is not known (what `gc` found): see `Store.key_of`.
    """

    name: str
    service: str
    token: str
    provider: str
    account: str | None
    model: str
    short_name: str
    plan_id: str | None
    gpu: str
    gpu_count: int
    gpu_memory_mib: int | None
    disk_gb: int
    offer_id: str
    machine_id: str | None
    location: str | None
    state: DeploymentState
    gpu_usd_per_hour: Decimal
    disk_usd_per_hour: Decimal
    download_usd: Decimal
    since: datetime
    lease_until: datetime | None
    health: HealthCheck
    instance_id: str | None = None
    endpoint: str | None = None
    ready_at: datetime | None = None
    missing_since: datetime | None = None
    last_error: str | None = None
    seen: str | None = None
    """The last observation that was recorded, so that only changes become events. None: it was never shown."""
    seen_at: datetime | None = None
    """When it was last shown: what is seen to have changed, changed after this."""
    billed_until: datetime | None = None
    """How far its bill reached at the last look at which nothing at all was listed. None: it was not asked."""
    out_of_sight: bool = False
    """Whether the last look did not show it, for whatever reason: what is metered since `seen_at` is in doubt."""
    shown_usd_per_hour: Decimal | None = None
    """What its provider charged in the state in which it was last shown. None: it was never shown."""
    agreed_usd_per_hour: Decimal | None = None
    launch_digest: str | None = None
    wish: str | None = None
    destroy_answer: DestroyAnswer | None = None
    api_key: Secret | None = None
    ends_by_itself: bool = False
    idle_stop_s: float | None = None
    dead_man_s: float | None = None
    unanswered: int = 0
    engine: EngineReading | None = None
    gpu_load: GpuLoad | None = None

    @property
    def cards(self) -> str:
        """The cards in words: `1x RTX 4090 24 GB`."""
        return cards(self.gpu, self.gpu_memory_mib, self.gpu_count)

    @property
    def usd_per_hour(self) -> Decimal:
        """GPU and disk together, while it runs."""
        return self.gpu_usd_per_hour + self.disk_usd_per_hour

    @property
    def usd_per_hour_now(self) -> Decimal:
        """What it costs as it was last shown: of what is stopped, what its provider charges on; of what is gone, 0.

        What is on its way up is told at the price that it is about to cost.
        """
        if self.state.is_final:
            return ZERO
        stopped = self.state.is_unwell and self.shown_usd_per_hour is not None
        return self.shown_usd_per_hour or ZERO if stopped else self.usd_per_hour

    @property
    def idle_since(self) -> datetime | None:
        """Since when it does nothing for others, by two readings of its engine at least; None: it works, or unknown."""
        if self.state is not DeploymentState.READY or self.engine is None or self.engine.still_readings < 2:
            return None
        return self.engine.still_since

    def as_body(self) -> dict[str, Any]:
        """The form in which the store keeps it: JSON values only, money and times as text."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Deployment":
        """The deployment that `as_body` wrote. Raises KeyError, TypeError or ValueError when it is not one."""
        values: dict[str, Any] = {field.name: body.get(field.name) for field in dataclasses.fields(Deployment)}
        for name in _TIMES:
            values[name] = parse_utc(values[name]) if values[name] else None
        for name in _AMOUNTS:
            values[name] = usd(body[name])
        for name in _AMOUNTS_OR_NONE:
            values[name] = None if values[name] is None else usd(values[name])
        if values["destroy_answer"] is not None:
            values["destroy_answer"] = DestroyAnswer(values["destroy_answer"])
        if values["api_key"] is not None:
            values["api_key"] = Secret(values["api_key"])
        values["ends_by_itself"] = bool(values["ends_by_itself"])
        values["out_of_sight"] = bool(values["out_of_sight"])
        values["unanswered"] = values["unanswered"] or 0
        for name, kind in (("engine", EngineReading), ("gpu_load", GpuLoad)):
            values[name] = kind.from_body(values[name]) if values[name] else None
        values["state"] = DeploymentState(body["state"])
        values["health"] = HealthCheck(**body["health"])
        return Deployment(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What clients know: a name with one API key, served by one deployment at a time (None: by nothing yet)."""

    name: str
    api_key: Secret
    serving: str | None


COUNTS_FIRST = (
    DeploymentState.READY, DeploymentState.DRAINING, DeploymentState.LOADING, DeploymentState.STARTING,
    DeploymentState.PROVISIONING, DeploymentState.OUTBID, DeploymentState.STOPPED, DeploymentState.FAILED,
    DeploymentState.UNCERTAIN, DeploymentState.CREATING,
    DeploymentState.DESTROYING, DeploymentState.CLEANUP_FAILED, DeploymentState.INTENDED,
)  # fmt: skip
"""Of several lives of one name, which one counts: the one that serves, else the one that came farthest."""

_TIMES = ("since", "lease_until", "ready_at", "missing_since", "seen_at", "billed_until")
_AMOUNTS = ("gpu_usd_per_hour", "disk_usd_per_hour", "download_usd")
_AMOUNTS_OR_NONE = ("shown_usd_per_hour", "agreed_usd_per_hour")


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return exact_text(value)
        case datetime():
            return utc_text(value)
        case StrEnum():
            return value.value
        case Secret():
            return value.reveal()  # the journal is a private file
        case EngineReading() | GpuLoad():
            return value.as_body()
        case HealthCheck():
            return {"port": value.port, "path": value.path, "model_id": value.model_id, "asks": value.asks}
    return value
