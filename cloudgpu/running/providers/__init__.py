"""The providers, by name. One dictionary of openers: so few need no plug-in system."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudgpu.base.clock import Clock, SystemClock
from cloudgpu.base.errors import MissingKeyError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.base.settings import Settings
from cloudgpu.running.providers.base import Provider

if TYPE_CHECKING:
    from cloudgpu.running.providers.runpod.create import PortKind

_EMULATED = ("emulator", "emulator-runpod")
_EMULATOR_READ_S = 15.0
"""Real seconds. The emulator answers at once; whatever holds an answer back longer is one of its faults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorAddress:
    """Where the emulator answers, the key of its one account, and the clock that it bills by."""

    url: str
    api_key: Secret
    clock: Clock


def open_provider(name: str, settings: Settings, *, emulator: EmulatorAddress | None = None) -> Provider:
    """The adapter of `vast`, `runpod`, one of the two on the emulator (`emulator`, `emulator-runpod`), or `docker`.

    Calls no network. Raises MissingKeyError without a key, UsageError for a provider that does not exist.
    """
    from cloudgpu.running.providers.http import Timeouts  # requests is loaded only when somebody is to be asked
    from cloudgpu.running.providers.runpod import open_runpod
    from cloudgpu.running.providers.turns import Turns, turns_file
    from cloudgpu.running.providers.vast import open_vast

    if name in _EMULATED:
        if emulator is None:
            raise UsageError("the emulator was never started", hint="cloudgpu emulator start")
        timeouts = Timeouts(connect_s=5.0, read_s=_EMULATOR_READ_S, act_s=_EMULATOR_READ_S)
        opener = open_vast if name == "emulator" else open_runpod
        return opener(
            emulator.url, emulator.api_key, emulator.clock, name=name, console=emulator.url, timeouts=timeouts,
            turns=Turns(turns_file(settings.state_dir, name, emulator.api_key)),
        )  # fmt: skip
    if name == "vast":
        if settings.vast_key is None:
            raise _missing_key("Vast.ai", "VAST_API_KEY")
        key = settings.vast_key.value
        turns = Turns(turns_file(settings.state_dir, name, key))
        return open_vast(settings.vast_url.value, key, SystemClock(), turns=turns)
    if name == "runpod":
        if settings.runpod_key is None:
            raise _missing_key("RunPod", "RUNPOD_API_KEY", rehearsal="emulator-runpod")
        port_kind = _port_kind(settings.runpod_port.value)
        key = settings.runpod_key.value
        turns = Turns(turns_file(settings.state_dir, name, key))
        return open_runpod(settings.runpod_url.value, key, SystemClock(), port_kind=port_kind, turns=turns)
    if name == "docker":
        from cloudgpu.running.providers.docker import open_docker

        return open_docker(settings.docker, SystemClock())
    raise UsageError(f"no provider named {name!r}", hint="one of vast, runpod, docker, emulator, emulator-runpod")


def _port_kind(text: str) -> "PortKind":
    if text == "http":
        return "http"
    if text == "tcp":
        return "tcp"
    raise UsageError(
        f"CLOUDGPU_RUNPOD_PORT is {text!r}", hint="http: RunPod's proxy, with TLS; tcp: a port of the host"
    )


def _missing_key(provider: str, variable: str, rehearsal: str = "emulator") -> MissingKeyError:
    return MissingKeyError(
        f"renting at {provider} needs an API key, and there is none",
        hint=f"set {variable}, or rehearse without one: add --provider {rehearsal}",
    )
