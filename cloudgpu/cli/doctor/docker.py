"""What `doctor` says of Docker: whether a daemon answers, what it hands out, which cards it has, what they draw."""

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, cast

from cloudgpu.base.errors import CloudgpuError, UsageError
from cloudgpu.cli.doctor.check import Check, Verdict
from cloudgpu.cli.session import OWN, Session
from cloudgpu.running.providers.docker import DockerProvider
from cloudgpu.running.providers.docker.cards import Cards, devices_of, has_runtime
from cloudgpu.running.providers.docker.electricity import told
from cloudgpu.running.records import Deployment


def docker_checks(session: Session, alive: Sequence[Deployment] | None) -> Iterator[Check]:
    """The daemon and its cards: wrong, or to be looked at, only for who set it up or has something there."""
    mine = [each for each in alive or () if each.provider == OWN]
    settings = session.settings.docker
    is_wanted = bool(mine or settings.host.value or settings.gpus.value)
    missing = _missing(mine, is_wanted=is_wanted)
    if missing is not None:
        yield missing
        return
    provider = cast(DockerProvider, session.provider(OWN))
    try:
        info = provider.daemon.info()
    except CloudgpuError as error:
        yield _silent(error, is_wanted=is_wanted)
        return
    yield _daemon(provider, info)
    lacking = Verdict.ATTENTION if is_wanted else Verdict.ABSENT
    yield _gpus(info, lacking)
    yield _cards(provider, lacking)


def _missing(mine: Sequence[Deployment], *, is_wanted: bool) -> Check | None:
    """Why nobody has to be asked: no SDK, or no sign that Docker was ever here. None: ask."""
    if find_spec("docker") is None:
        text = "the SDK is not installed" + (f", and {len(mine)} of yours run there" if mine else "")
        verdict = Verdict.WRONG if mine else Verdict.ABSENT
        hint = "pip install 'cloudgpu[docker]'"
        return Check(about=OWN, verdict=verdict, text=text, hint=hint, exit_status=5 if mine else 0)
    if not is_wanted and not os.path.exists("/var/run/docker.sock"):
        return Check(about=OWN, verdict=Verdict.ABSENT, text="no daemon on this machine, and DOCKER_HOST names none")
    return None


def _silent(error: CloudgpuError, *, is_wanted: bool) -> Check:
    return Check(
        about=OWN, verdict=Verdict.WRONG if is_wanted else Verdict.ABSENT, text=error.message, hint=error.hint,
        exit_status=error.exit_status if is_wanted else 0,
    )  # fmt: skip


def _daemon(provider: DockerProvider, info: Mapping[str, Any]) -> Check:
    place, version = provider.daemon.place, str(info.get("ServerVersion") or "unknown")
    text = f"Docker {version} answers at {place}"
    return Check(about=OWN, verdict=Verdict.OK, text=text, facts={"address": place, "version": version})


def _gpus(info: Mapping[str, Any], lacking: Verdict) -> Check:
    """A daemon without either may hand GPUs out all the same: only a start tells."""
    devices, runtime = sorted(devices_of(info)), has_runtime(info)
    facts = {"nvidia_runtime": runtime, "cdi_devices": devices}
    if runtime:
        return Check(about=OWN, verdict=Verdict.OK, text="NVIDIA's runtime is set up", facts=facts)
    if devices:
        text = f"knows these cards as CDI devices: {', '.join(devices)}"
        return Check(about=OWN, verdict=Verdict.OK, text=text, facts=facts)
    return Check(
        about=OWN, verdict=lacking, text="tells of no GPU that it could hand out", facts=facts,
        hint="install the NVIDIA Container Toolkit; a start tells for certain",
    )  # fmt: skip


def _cards(provider: DockerProvider, lacking: Verdict) -> Check:
    try:
        found = provider.cards()
        words = told(found.cards, provider.daemon.settings)
    except UsageError as error:
        return Check(about=OWN, verdict=lacking, text=error.message, hint=error.hint)
    text = f"{_counted(found)} ({found.origin}). {words}"
    facts = {"cards": [each.name for each in found.cards], "cards_origin": found.origin}
    return Check(about=OWN, verdict=Verdict.OK, text=text, facts=facts)


def _counted(found: Cards) -> str:
    names = [each.name for each in found.cards]
    return ", ".join(f"{names.count(name)}x {name}" for name in dict.fromkeys(names))
