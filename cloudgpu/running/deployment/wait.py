"""The wait from a rented instance to an engine that answers.

Bounded in seconds and in dollars, and ended early by signs that it will never serve.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.base.errors import (
    CloudgpuError,
    DeadlineError,
    InstanceFailedError,
    ProviderError,
    UnreachableError,
)
from cloudgpu.base.events import EventKind
from cloudgpu.base.money import show_usd
from cloudgpu.base.secret import Secret
from cloudgpu.running.deployment.growth import Growth
from cloudgpu.running.deployment.journal import Journal
from cloudgpu.running.deployment.observe import apply, look
from cloudgpu.running.deployment.request import Progress
from cloudgpu.running.deployment.spending import spent_usd
from cloudgpu.running.deployment.state import Seen, Sighting, Unsure
from cloudgpu.running.health import Health
from cloudgpu.running.providers.base import InstanceState
from cloudgpu.running.records import Deployment, DeploymentState
from cloudgpu.serving.engine_log import fatal_in, phase_of
from cloudgpu.serving.launch import HealthCheck

Prober = Callable[[str, Secret, HealthCheck], Health]

POLL_S = 5.0
"""Between two looks at what is being waited for, on the provider's clock."""

_LOG_EVERY = timedelta(seconds=20)
_LOG_LINES = 200
_PATIENCE = timedelta(seconds=300)
_OFFLINE_PATIENCE = timedelta(seconds=120)
_IMAGES_FAULT = re.compile(r"manifest|not found|unauthorized|denied", re.IGNORECASE)
"""An image that no machine can pull."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a wait ends: seconds after the create, dollars of this and of earlier attempts, dollars per hour.

    `download_s`: so long may a download say nothing, None: as long as the whole wait.
    """

    wait_s: float
    spend_usd: Decimal
    spent_before_usd: Decimal
    cap_usd_per_hour: Decimal
    download_s: float | None = None


@dataclass(slots=True)
class Watch:
    """What a wait remembers between two looks."""

    began: datetime
    last_sure: datetime
    answered: bool = False
    last_log: datetime | None = None
    offline_since: datetime | None = None
    phase: tuple[str, str] = field(default=("starting", ""))
    phase_since: datetime | None = None
    disk: Growth = field(default_factory=Growth)


def advance(
    journal: Journal, deployment: Deployment, watch: Watch, *, api_key: Secret, prober: Prober, bounds: Bounds
) -> Deployment:
    """The deployment after one look at it and at its endpoint; `watch.answered` once it said something. Never sleeps.

    Destroys nothing: the caller cleans up after every error. Raises InstanceFailedError (dead, refused by its engine,
    or dearer than agreed), DeadlineError (seconds or dollars), UnreachableError (the provider cannot be asked for five
    minutes).
    """
    sighting = look(journal, deployment)
    deployment = apply(journal, deployment, sighting)
    _judge(journal, deployment, sighting, watch, bounds)
    if deployment.state in (DeploymentState.LOADING, DeploymentState.READY) and deployment.endpoint:
        health = prober(deployment.endpoint, api_key, deployment.health)
        if health.ready:
            watch.answered = True
            return answered(journal, deployment)
        _read_log(journal, deployment, watch)
        _judge_download(journal, deployment, watch, bounds)
    _tell(journal, deployment, watch, bounds)
    _deadlines(journal, deployment, watch, bounds)
    return deployment


def answered(journal: Journal, deployment: Deployment) -> Deployment:
    """Record that it answers. `ready_at` stays the time of its first answer."""
    now = journal.now()
    waited_s = round((now - deployment.since).total_seconds(), 3)
    journal.tell(EventKind.READY, deployment, endpoint=deployment.endpoint, waited_s=waited_s)
    return journal.save(deployment, state=DeploymentState.READY, ready_at=deployment.ready_at or now, last_error=None)


def _judge(journal: Journal, deployment: Deployment, sighting: Sighting, watch: Watch, bounds: Bounds) -> None:
    if isinstance(sighting, Unsure):
        return _judge_silence(journal, deployment, sighting, watch)
    watch.last_sure = journal.now()
    if isinstance(sighting, Seen):
        watch.disk.note(sighting.view.disk_used_gb, journal.now())
    if deployment.state is DeploymentState.GONE:
        raise InstanceFailedError(
            "the provider removed the instance", instance_id=deployment.instance_id, blames_machine=True
        )
    if isinstance(sighting, Seen):
        _judge_price(deployment, bounds)
        _judge_state(journal, deployment, sighting, watch)
    return None


def _judge_silence(journal: Journal, deployment: Deployment, sighting: Unsure, watch: Watch) -> None:
    if journal.now() - watch.last_sure > _PATIENCE:
        hint = "see whether the provider is up, then: cloudgpu status"
        raise UnreachableError(sighting.reason, hint=hint, instance_id=deployment.instance_id)


def _judge_price(deployment: Deployment, bounds: Bounds) -> None:
    if deployment.usd_per_hour > bounds.cap_usd_per_hour:
        raise InstanceFailedError(
            f"it costs {show_usd(deployment.usd_per_hour, 4)} per hour once rented, "
            f"above the agreed {show_usd(bounds.cap_usd_per_hour, 4)}",
            instance_id=deployment.instance_id,
        )


def _judge_state(journal: Journal, deployment: Deployment, sighting: Seen, watch: Watch) -> None:
    if deployment.state is DeploymentState.OUTBID:
        raise InstanceFailedError(
            deployment.last_error or "outbid", hint="bid more with --bid, or rent on demand: leave --spot out",
            instance_id=deployment.instance_id,
        )  # fmt: skip
    if not deployment.state.is_unwell:
        watch.offline_since = None
        return
    if sighting.view.state is InstanceState.OFFLINE:
        watch.offline_since = watch.offline_since or journal.now()
        if journal.now() - watch.offline_since < _OFFLINE_PATIENCE:
            return
    fatal = fatal_in(_logs(journal, deployment))
    reason = fatal.line if fatal else (deployment.last_error or f"the instance is {deployment.state}")
    raise InstanceFailedError(
        reason,
        hint=fatal.remedy if fatal else None,
        instance_id=deployment.instance_id,
        blames_machine=fatal.blames_machine if fatal else not _IMAGES_FAULT.search(reason),
        blames_card=fatal is not None and fatal.blames_card,
        blames_launch=fatal is not None and fatal.blames_launch,
    )


def _read_log(journal: Journal, deployment: Deployment, watch: Watch) -> None:
    now = journal.now()
    if watch.last_log and now - watch.last_log < _LOG_EVERY:
        return
    watch.last_log = now
    log = _logs(journal, deployment)
    phase = phase_of(log)
    if phase != watch.phase or watch.phase_since is None:
        watch.phase, watch.phase_since = phase, now
    fatal = fatal_in(log)
    if fatal:
        raise InstanceFailedError(
            fatal.line, hint=fatal.remedy, instance_id=deployment.instance_id, blames_machine=fatal.blames_machine,
            blames_card=fatal.blames_card, blames_launch=fatal.blames_launch,
        )  # fmt: skip


def _judge_download(journal: Journal, deployment: Deployment, watch: Watch, bounds: Bounds) -> None:
    """A download prints nothing while it runs. A slow one makes the disk grow, where the provider tells of it.

    How long one may seem to do nothing follows from the host's own speed.
    """
    if watch.phase[0] != "downloading" or watch.phase_since is None or bounds.download_s is None:
        return
    silent_s = (journal.now() - max(watch.phase_since, watch.disk.grew_at or watch.phase_since)).total_seconds()
    if silent_s > bounds.download_s:
        stays = f" and no growth beyond {watch.disk.used_gb:.1f} GB on its disk" if watch.disk.used_gb else ""
        raise InstanceFailedError(
            f"its download is stuck: no word{stays} for {silent_s / 60:.0f} minutes, several times what it takes here",
            hint="another machine may do; where it freezes on every one: HF_HUB_DISABLE_XET=1 in the template",
            instance_id=deployment.instance_id,
            blames_machine=True,
        )


def _logs(journal: Journal, deployment: Deployment) -> str:
    try:
        return journal.provider.logs(deployment.instance_id or "", _LOG_LINES)
    except ProviderError:
        return ""  # a log that cannot be had decides nothing: the state and the deadline do


def _tell(journal: Journal, deployment: Deployment, watch: Watch, bounds: Bounds) -> None:
    now = journal.now()
    phase, detail = watch.phase if deployment.state is DeploymentState.LOADING else (deployment.state.value, "")
    spent = spent_usd(deployment, now) + bounds.spent_before_usd
    elapsed_s = (now - deployment.since).total_seconds()
    if phase == "downloading" and watch.disk.used_gb:
        detail = f"{watch.disk.used_gb:.1f} GB on its disk"
    detail = deployment.last_error or detail or deployment.cards
    journal.on_progress(Progress(phase=phase, detail=detail, elapsed_s=elapsed_s, usd=spent))


def _deadlines(journal: Journal, deployment: Deployment, watch: Watch, bounds: Bounds) -> None:
    now = journal.now()
    waited_s = (now - min(deployment.since, watch.began)).total_seconds()  # `since` may be of a clock set back since
    if waited_s >= bounds.wait_s:
        raise _late(deployment, f"it did not answer within {bounds.wait_s / 60:.0f} minutes", "--max-wait")
    spent = spent_usd(deployment, now) + bounds.spent_before_usd
    if spent > bounds.spend_usd:
        raise _late(deployment, f"it did not answer before {show_usd(bounds.spend_usd)} were spent", "--max-spend")


def _late(deployment: Deployment, message: str, option: str) -> CloudgpuError:
    return DeadlineError(message, hint=f"allow more with {option}", instance_id=deployment.instance_id)
