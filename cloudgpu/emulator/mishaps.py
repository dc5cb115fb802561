"""What an instance fault does to the stages of an instance. Pure."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from cloudgpu.emulator.faults import Fault
from cloudgpu.emulator.instance import Instance, LogLine, Pod, Rate, Stage, Step, gpu_usd_per_hour
from cloudgpu.emulator.lifecycle import cut, turned

_PULL_RETRIES = timedelta(minutes=7)
_MICROSECOND = timedelta(microseconds=1)


def mishap(instance: Instance, fault: Fault, now: datetime) -> Instance:
    """The instance after the fault took hold: `after_s` from now, or at the stage where it usually strikes."""
    at = _moment(instance, fault, now)
    if fault.do == "price_rise":
        rate = Rate(at=at, gpu_usd_per_hour=gpu_usd_per_hour(instance, at) * fault.factor)
        return replace(instance, rates=(*(rate for rate in instance.rates if rate.at < at), rate))
    if fault.do in _OF_PODS:
        return replace(instance, pod=instance.pod and _OF_PODS[fault.do](instance.pod, now + _lasts(fault)))
    if fault.do == "never_ready":
        return _never_ready(instance)
    if fault.do == "bad_image":
        return _bad_image(instance, at)
    stage, message, *lines = _TURNS[fault.do]
    return turned(instance, at, Stage(stage), message, *lines)


_TURNS: dict[str, tuple[str, str | None] | tuple[str, str | None, str]] = {
    "stuck_loading": ("loading", None),
    "engine_dies": (
        "exited",
        "container exited with code 1",
        "(EngineCore) ERROR [core.py] EngineCore encountered a fatal error.\n"
        "torch.AcceleratorError: CUDA error: an illegal memory access was encountered",
    ),
    "host_offline": ("offline", None),
    "outbid": ("outbid", "success, running"),
    "stopped": ("stopped", None),
    "terminated": ("terminated", None),
}

_OF_PODS: dict[str, Callable[[Pod, datetime], Pod]] = {
    "hidden": lambda pod, until: replace(pod, shown_from=until),
    "no_ports": lambda pod, until: replace(pod, ports_from=until),
    "in_cluster": lambda pod, _: replace(pod, cluster="cluster-1"),
}

_STRIKES_AT = {
    "stuck_loading": Stage.LOADING,
    "bad_image": Stage.LOADING,
    "engine_dies": Stage.SERVING,
    "host_offline": Stage.RUNNING,
    "outbid": Stage.RUNNING,
    "stopped": Stage.RUNNING,
    "terminated": Stage.RUNNING,
}


def _lasts(fault: Fault) -> timedelta:
    return timedelta(seconds=fault.seconds)


def _moment(instance: Instance, fault: Fault, now: datetime) -> datetime:
    if fault.after_s is not None:
        return now + timedelta(seconds=fault.after_s)
    wanted = _STRIKES_AT.get(fault.do)
    coming = (step.at for step in instance.steps if step.stage is wanted and step.at > now)
    return next(coming, now)


def _never_ready(instance: Instance) -> Instance:
    """The engine hangs just before it would listen: the container runs, costs, and refuses every connection."""
    serving = [step.at for step in instance.steps if step.stage is Stage.SERVING]
    if not serving:
        return instance
    steps = tuple(step for step in instance.steps if step.stage is not Stage.SERVING)
    return replace(instance, steps=steps, log=tuple(line for line in instance.log if line.at < serving[0]))


def _bad_image(instance: Instance, at: datetime) -> Instance:
    message = f"Error response from daemon: manifest for {instance.image} not found: manifest unknown"
    before = cut(instance, at)
    steps = (
        Step(at=at + _MICROSECOND, stage=Stage.LOADING, message=message),
        Step(at=at + _PULL_RETRIES, stage=Stage.PULL_FAILED, message=message),
    )
    return replace(before, transfers=(), steps=(*before.steps, *steps), log=(LogLine(at=at, text=message),))
