"""The stages of an instance's life, written down with their times when it starts and when someone interferes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.base.units import transfer_s
from cloudgpu.emulator.engine.start import EngineStart
from cloudgpu.emulator.instances.instance import Instance, LogLine, Proposal, Rate, Stage, Step, Transfer

_IMAGE_GB = {"vllm/vllm-openai": 10.4, "lmsysorg/sglang": 12.0, "pytorch/pytorch": 4.0}
_PLAIN_IMAGE_GB = 0.4
_REGISTRY_MBPS = 2000.0
_UNPACK_GB_PER_S = 0.35
_PULL_RETRIES = timedelta(minutes=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a start will go: the engine's part (None for a container without one), network, disk, driver."""

    engine: EngineStart | None
    download_mbps: float
    image_cached: bool
    driver_error: str | None = None


def started(instance: Instance, launch: Launch, at: datetime) -> Instance:
    """The instance with its coming stages, transfers and log from `at` on."""
    if not image_exists(instance.image):
        return replace(instance, steps=(*instance.steps, *_failed_pull(instance, at)))
    pull_s, unpack_s = _pull_times(instance.image, launch)
    if launch.driver_error is not None:
        steps = (*_first_steps(instance, at, pull_s), *_refused_container(launch.driver_error, at, pull_s + unpack_s))
        return replace(
            instance,
            steps=(*instance.steps, *steps),
            transfers=(*instance.transfers, *_pulled(instance, launch, at, pull_s)),
        )
    running_at = at + timedelta(seconds=_FIRST_SIGNS_S + pull_s + unpack_s)
    steps = (*_first_steps(instance, at, pull_s), *_container(instance, launch.engine, running_at))
    pulled = _pulled(instance, launch, at, pull_s)
    return replace(
        instance,
        steps=(*instance.steps, *steps),
        transfers=(*instance.transfers, *pulled, *_weights(launch.engine, running_at)),
        log=(*instance.log, *_log(launch.engine, running_at)),
    )


def cut(instance: Instance, at: datetime) -> Instance:
    """The instance without anything that was still to come at `at`."""
    return replace(
        instance,
        steps=tuple(step for step in instance.steps if step.at <= at),
        transfers=tuple(_broken_off(transfer, at) for transfer in instance.transfers if transfer.start <= at),
        log=tuple(line for line in instance.log if line.at <= at),
    )


def _broken_off(transfer: Transfer, at: datetime) -> Transfer:
    """A transfer that flows no longer; one that was broken off before stays so."""
    ends_at = transfer.end if transfer.stopped_at is None else transfer.stopped_at
    return replace(transfer, stopped_at=at) if ends_at > at else transfer


def turned(instance: Instance, at: datetime, stage: Stage, message: str | None, *lines: str) -> Instance:
    """The instance in another stage from `at` on, for good; `lines` are the last that its container prints."""
    before = cut(instance, at)
    said = tuple(LogLine(at=at, text=line) for line in lines)
    return replace(before, steps=(*before.steps, Step(at=at, stage=stage, message=message)), log=(*before.log, *said))


def extended(instance: Instance, proposal: Proposal) -> Instance:
    """The contract goes on past its end, at the proposed price from its old end on (so the vendor's client says)."""
    rate = Rate(at=instance.ends_at, gpu_usd_per_hour=proposal.gpu_usd_per_hour)
    return replace(instance, rates=(*instance.rates, rate), ends_at=proposal.ends_at)


def restarted_pod(instance: Instance, old_ports: Mapping[int, int], at: datetime) -> Instance:
    """A pod that has just been given new ports, with what was in store for its next start."""
    pod = instance.pod
    assert pod is not None
    if pod.stale_s is not None:
        until = at + timedelta(seconds=pod.stale_s)
        pod = replace(pod, stale_s=None, stale_until=until, stale_ports=dict(old_ports))
    if not pod.loses_gpus:
        return replace(instance, pod=pod)
    free = (*instance.rates, Rate(at=at, gpu_usd_per_hour=Decimal(0)))
    return replace(instance, rates=free, command=None, pod=replace(pod, loses_gpus=False, without_gpus=True))


def image_exists(image: str) -> bool:
    """Whether the registry has it: a vLLM image needs a release tag, and some names are there to fail."""
    name, _, tag = image.partition(":")
    if "does-not-exist" in image or not name:
        return False
    released = tag.removeprefix("v").replace(".", "").replace("-", "")
    return name != "vllm/vllm-openai" or tag in ("", "latest", "nightly") or (tag[:1] == "v" and released[:1].isdigit())


_FIRST_SIGNS_S = 9.0


def success_message(instance: Instance) -> str:
    """What Vast says of a running container."""
    return f"success, running {instance.image.replace(':', '_')}/{instance.runtype}"


def _later(at: datetime, seconds: float) -> datetime:
    return at + timedelta(seconds=seconds)


def _first_steps(instance: Instance, at: datetime, pull_s: float) -> Sequence[Step]:
    return (
        Step(at=at, stage=Stage.SCHEDULED),
        Step(at=_later(at, 4), stage=Stage.CREATED),
        Step(at=_later(at, _FIRST_SIGNS_S), stage=Stage.LOADING),
        Step(at=_later(at, _FIRST_SIGNS_S + pull_s), stage=Stage.LOADING, message=f"{instance.image}: Extracting"),
    )


def _refused_container(driver_error: str, at: datetime, seconds: float) -> Sequence[Step]:
    """Docker cannot start it: the contract runs, the container never does, and only the message tells."""
    message = f"OCI runtime create failed: nvidia-container-cli: requirement error: {driver_error}"
    return (Step(at=_later(at, _FIRST_SIGNS_S + seconds), stage=Stage.CREATED, message=message),)


def _pulled(instance: Instance, launch: Launch, at: datetime, pull_s: float) -> tuple[Transfer, ...]:
    size_gb = 0.0 if launch.image_cached else _image_gb(instance.image)
    return _transfer(_later(at, _FIRST_SIGNS_S), pull_s, size_gb)


def _failed_pull(instance: Instance, at: datetime) -> Sequence[Step]:
    message = f"Error response from daemon: manifest for {instance.image} not found: manifest unknown"
    return (
        Step(at=at, stage=Stage.SCHEDULED),
        Step(at=_later(at, _FIRST_SIGNS_S), stage=Stage.LOADING),
        Step(at=_later(at, 25), stage=Stage.LOADING, message=message),
        Step(at=at + _PULL_RETRIES, stage=Stage.PULL_FAILED, message=message),
    )


def _pull_times(image: str, launch: Launch) -> tuple[float, float]:
    if launch.image_cached:
        return 2.0, 1.0
    size_gb = _image_gb(image)
    return transfer_s(size_gb, min(_REGISTRY_MBPS, launch.download_mbps)), size_gb / _UNPACK_GB_PER_S


def _image_gb(image: str) -> float:
    return _IMAGE_GB.get(image.partition(":")[0], _PLAIN_IMAGE_GB)


def _container(instance: Instance, engine: EngineStart | None, at: datetime) -> Sequence[Step]:
    running = Step(at=at, stage=Stage.RUNNING, message=success_message(instance))
    if engine is None:
        return (running,)
    if engine.ready_s is not None:
        return running, Step(at=_later(at, engine.ready_s), stage=Stage.SERVING, message=running.message)
    return running, Step(at=_later(at, engine.exit_s or 0), stage=Stage.EXITED, message="container exited with code 1")


def _transfer(start: datetime, seconds: float, size_gb: float) -> tuple[Transfer, ...]:
    if size_gb <= 0:
        return ()
    return (Transfer(start=start, end=_later(start, seconds), size_gb=Decimal(repr(size_gb))),)


def _weights(engine: EngineStart | None, at: datetime) -> tuple[Transfer, ...]:
    if engine is None:
        return ()
    seconds = engine.download_until_s - engine.download_from_s
    return _transfer(_later(at, engine.download_from_s), seconds, engine.download_gb)


def _log(engine: EngineStart | None, at: datetime) -> Sequence[LogLine]:
    lines = () if engine is None else engine.lines
    return tuple(LogLine(at=_later(at, offset_s), text=text) for offset_s, text in lines)
