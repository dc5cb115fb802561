"""The container that is asked for, and what its labels say of it afterwards: they are all that is remembered."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from cloudgpu.base.errors import UsageError
from cloudgpu.base.money import exact_text
from cloudgpu.base.secret import Secret
from cloudgpu.base.settings import DockerSettings
from cloudgpu.running.providers.docker.cards import Card
from cloudgpu.serving.launch import LaunchRequest

TOKEN, GPUS, USD_PER_HOUR = "cloudgpu.token", "cloudgpu.gpus", "cloudgpu.usd-per-hour"
"""Labels: the token, the ids of its cards, what an hour of it costs."""

_CACHE = "/root/.cache"
_HUB_CACHE = f"{_CACHE}/huggingface/hub"
"""Files of models alone: the folder above it holds a user's token."""
_CACHE_VOLUME = "cloudgpu-cache"
_SHM_BYTES = 16 * 2**30
_LOG = {"max-size": "10m", "max-file": "3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One container: what to start, under which token, on which cards, at what price, and how these are handed out.

    `by_cdi`: the daemon knows the cards as CDI devices alone; else as Docker's `--gpus` has it.
    """

    launch: LaunchRequest
    token: str
    cards: Sequence[Card]
    usd_per_hour: Decimal
    settings: DockerSettings
    by_cdi: bool


def create_on(client: Any, wanted: Wanted) -> str:  # noqa: ANN401  (the SDK has no annotations)
    """Ask the daemon for the container, under its token as name: it exists once, however often this is sent. Its id.

    It is not started. Nothing starts it again: no restart policy, so that nothing lives on after it ended.
    """
    launch = wanted.launch
    made: Mapping[str, Any] = client.create_container(
        launch.image,
        name=wanted.token,
        command=list(launch.args),
        entrypoint=list(launch.entrypoint) if launch.entrypoint else None,
        environment={name: _revealed(value) for name, value in launch.env.items()},
        ports=list(launch.ports),
        labels={
            TOKEN: wanted.token, GPUS: ",".join(card.device_id for card in wanted.cards),
            USD_PER_HOUR: exact_text(wanted.usd_per_hour),
        },
        host_config=_host_config(client, wanted),
    )  # fmt: skip
    return short_id(made["Id"])


def short_id(container_id: object) -> str:
    """The id as Docker shows it to people, and takes it from them: its first twelve digits. Raises ValueError."""
    if not isinstance(container_id, str) or not container_id:
        raise ValueError(f"{container_id!r} is no id")
    return container_id[:12]


def check_bind(settings: DockerSettings, machine: str | None) -> None:
    """Raises UsageError when engines would be published where nobody here can reach them."""
    if machine is not None and settings.bind.value in ("127.0.0.1", "::1", "localhost"):
        raise UsageError(
            f"engines on {machine} would be published on its own loopback: nobody here could reach them",
            hint="set CLOUDGPU_DOCKER_BIND to an address of that machine in a private network; 0.0.0.0 opens it to "
            "all, with the engine's key and without TLS",
        )


def check_hub_cache(settings: DockerSettings) -> None:
    """Raises UsageError for the folder above the models: it holds `token`, and every engine could read it."""
    folder = Path(settings.hub_cache.value)
    if folder.is_absolute() and (folder.name == "huggingface" or os.path.exists(folder / "token")):
        raise UsageError(
            f"CLOUDGPU_DOCKER_HUB_CACHE is {folder}, the place of a Hugging Face token: engines could read it",
            hint=f"share the files of models alone: {folder / 'hub'}",
        )


def _host_config(client: Any, wanted: Wanted) -> Any:  # noqa: ANN401
    """Shared memory for several cards, caches that outlive it, a log that fills no disk, ports on one address."""
    settings = wanted.settings
    mounts = [f"{_CACHE_VOLUME}:{_CACHE}"]
    mounts += [f"{settings.hub_cache.value}:{_HUB_CACHE}"] if settings.hub_cache.value else []
    return client.create_host_config(
        device_requests=[_devices(wanted)],
        shm_size=_SHM_BYTES,
        binds=mounts,
        port_bindings=dict.fromkeys(wanted.launch.ports, (settings.bind.value,)),
        restart_policy={"Name": "no"},
        log_config={"type": "json-file", "config": _LOG},
    )


def _devices(wanted: Wanted) -> dict[str, Any]:
    ids = [card.device_id for card in wanted.cards]
    if wanted.by_cdi:
        return {"Driver": "cdi", "DeviceIDs": [f"nvidia.com/gpu={each}" for each in ids]}
    return {"Driver": "", "Count": 0, "DeviceIDs": ids, "Capabilities": [["gpu"]], "Options": {}}


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
