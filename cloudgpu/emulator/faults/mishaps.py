"""What an instance fault does to the stages of an instance. Pure."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from cloudgpu.emulator.faults.fault import Fault
from cloudgpu.emulator.instances.instance import (
    Instance,
    LogLine,
    Pod,
    Proposal,
    Rate,
    Stage,
    Step,
    gpu_usd_per_hour,
    step_at,
)
from cloudgpu.emulator.instances.lifecycle import cut, turned

_PULL_RETRIES = timedelta(minutes=7)
_MICROSECOND = timedelta(microseconds=1)
_AFTER_LOAD = timedelta(seconds=55)
_EXTENSION = timedelta(days=30)
_FIRST_PROPOSAL_ID = 7_000_000
_OOM_LINES = (
    "(EngineCore) ERROR [core.py] EngineCore failed to start.\n"
    "(EngineCore) ERROR [core.py] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    "(APIServer) RuntimeError: Engine core initialization failed. See root cause above.",
)


def mishap(instance: Instance, fault: Fault, now: datetime) -> Instance:
    """The instance after the fault took hold: `after_s` from now, or at the stage where it usually strikes."""
    at = moment_of(instance, fault, now)
    if fault.do in _OF_PODS:
        return replace(instance, pod=instance.pod and _OF_PODS[fault.do](instance.pod, fault, now))
    if fault.do in _OWN_WAY:
        return _OWN_WAY[fault.do](instance, fault, at)
    stage, message, *lines = _TURNS[fault.do]
    struck = turned(instance, at, Stage(stage), message, *lines)
    return _back(struck, instance, fault, at) if fault.do == "host_offline" and fault.for_s is not None else struck


def moment_of(instance: Instance, fault: Fault, now: datetime) -> datetime:
    """When a fault takes hold of an instance."""
    if fault.after_s is not None:
        return now + timedelta(seconds=fault.after_s)
    wanted = _STRIKES_AT.get(fault.do)
    coming = (step.at for step in instance.steps if step.stage is wanted and step.at > now)
    return next(coming, now)


_TURNS: dict[str, tuple[str, str | None] | tuple[str, str | None, str]] = {
    "stuck_loading": ("loading", None),
    "engine_dies": (
        "exited",
        "container exited with code 1",
        "(EngineCore) ERROR [core.py] EngineCore encountered a fatal error.\n"
        "torch.AcceleratorError: CUDA error: an illegal memory access was encountered",
    ),
    "host_offline": ("offline", None),
    "unknown": ("unknown", None),
    "error": ("pull_failed", "container cannot be created"),
    "outbid": ("outbid", "success, running"),
    "stopped": ("stopped", None),
    "terminated": ("terminated", None),
}

_OF_PODS: dict[str, Callable[[Pod, Fault, datetime], Pod]] = {
    "hidden": lambda pod, fault, now: replace(pod, shown_from=now + timedelta(seconds=fault.seconds)),
    "no_ports": lambda pod, fault, now: replace(pod, ports_from=now + timedelta(seconds=fault.seconds)),
    "empty_ports": lambda pod, fault, now: replace(
        pod, ports_from=now + timedelta(seconds=fault.seconds), ports_empty=True
    ),
    "stale_ports": lambda pod, fault, _: replace(pod, stale_s=fault.seconds),
    "zero_gpus": lambda pod, *_: replace(pod, loses_gpus=True),
    "in_cluster": lambda pod, *_: replace(pod, cluster="cluster-1"),
}

_STRIKES_AT = {
    "stuck_loading": Stage.LOADING,
    "bad_image": Stage.LOADING,
    "engine_dies": Stage.SERVING,
    "host_offline": Stage.RUNNING,
    "unknown": Stage.RUNNING,
    "error": Stage.RUNNING,
    "taken_back": Stage.RUNNING,
    "outbid": Stage.RUNNING,
    "stopped": Stage.RUNNING,
    "terminated": Stage.RUNNING,
}


def _price_rise(instance: Instance, fault: Fault, at: datetime) -> Instance:
    rate = Rate(at=at, gpu_usd_per_hour=gpu_usd_per_hour(instance, at) * fault.factor)
    return replace(instance, rates=(*(rate for rate in instance.rates if rate.at < at), rate))


def _price_proposal(instance: Instance, fault: Fault, at: datetime) -> Instance:
    wanted = gpu_usd_per_hour(instance, at) * fault.factor
    proposal = Proposal(
        proposal_id=_FIRST_PROPOSAL_ID + fault.fault_id,
        at=at,
        gpu_usd_per_hour=wanted,
        ends_at=instance.ends_at + _EXTENSION,
    )
    return replace(instance, proposal=proposal)


def _taken_back(instance: Instance, _: Fault, at: datetime) -> Instance:
    return replace(instance, ends_at=min(instance.ends_at, at))


def _back(struck: Instance, before: Instance, fault: Fault, at: datetime) -> Instance:
    """The host returns after `for_s` seconds, and with it what it would be doing by then."""
    back_at = at + timedelta(seconds=fault.for_s or 0)
    then = replace(step_at(before, back_at), at=back_at)
    coming = tuple(step for step in before.steps if step.at > back_at)
    return replace(struck, steps=(*struck.steps, then, *coming), transfers=before.transfers, log=before.log)


def _oom(instance: Instance, _: Fault, at: datetime) -> Instance:
    """Everything goes well until the weights are in: then there is no room for the rest."""
    ready = next((step.at for step in instance.steps if step.stage is Stage.SERVING and step.at >= at), None)
    if ready is None:
        return instance
    loaded_at = max(at, ready - _AFTER_LOAD)
    return turned(instance, loaded_at, Stage.EXITED, "container exited with code 1", *_OOM_LINES)


def _never_ready(instance: Instance, *_: object) -> Instance:
    """The engine hangs just before it would listen: the container runs, costs, and refuses every connection."""
    serving = [step.at for step in instance.steps if step.stage is Stage.SERVING]
    if not serving:
        return instance
    steps = tuple(step for step in instance.steps if step.stage is not Stage.SERVING)
    return replace(instance, steps=steps, log=tuple(line for line in instance.log if line.at < serving[0]))


def _bad_image(instance: Instance, _: Fault, at: datetime) -> Instance:
    message = f"Error response from daemon: manifest for {instance.image} not found: manifest unknown"
    before = cut(instance, at)
    steps = (
        Step(at=at + _MICROSECOND, stage=Stage.LOADING, message=message),
        Step(at=at + _PULL_RETRIES, stage=Stage.PULL_FAILED, message=message),
    )
    return replace(before, transfers=(), steps=(*before.steps, *steps), log=(LogLine(at=at, text=message),))


_OWN_WAY: dict[str, Callable[[Instance, Fault, datetime], Instance]] = {
    "price_rise": _price_rise,
    "price_proposal": _price_proposal,
    "taken_back": _taken_back,
    "never_ready": _never_ready,
    "bad_image": _bad_image,
    "oom": _oom,
}
