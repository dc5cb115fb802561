"""Docker Compose: one service with its GPUs, a volume for downloads, shared memory and a health check."""

from collections.abc import Iterator, Mapping, Sequence

from cloudgpu.serving.profile import HIDDEN, SECRET_FLAGS, Profile
from cloudgpu.serving.render.setup import Setup, dumped, header

_ENGINE_PORT = "8000"


def compose_text(setup: Setup) -> str:
    """The file. The port is bound to this machine: put a proxy with a list of paths in front before opening it."""
    launch = setup.launch
    service = _service(
        image=launch.image, entrypoint=launch.entrypoint or (), command=list(map(_literal, launch.args)),
        environment={**_literals(setup.plain), **_from_outside(setup.secrets)}, ports=(str(setup.port),),
        gpu_count=setup.gpu_count, health=_health(setup.port, launch.health.path, setup.start_s),
    )  # fmt: skip
    return header(setup, "docker compose up -d") + _file(setup.label, service)


def profile_text(profile: Profile) -> str:
    """A kept profile as a file: what `compose_text` says of the same launch.

    Values that were not kept come from the shell that starts it: secrets must be set there, others may be.
    """
    service = _service(
        image=profile.image, entrypoint=profile.entrypoint,
        command=list(_with_keys(profile.args)),
        environment={
            **{name: None for name in profile.variables if name not in profile.secrets}, **_literals(profile.settings),
            **_from_outside(profile.secrets),
        },
        ports=profile.ports, gpu_count=profile.gpu_count,
        health=_health(profile.ports[0] if profile.ports else _ENGINE_PORT, profile.health, profile.start_s),
    )  # fmt: skip
    return _file(profile.label, service)


def _service(
    *, image: str | None, entrypoint: Sequence[str], command: Sequence[str], environment: Mapping[str, str | None],
    ports: Sequence[str], gpu_count: int | None, health: Mapping[str, object] | None,
) -> dict[str, object]:  # fmt: skip
    """None of a count or a check: nobody knows it, so nothing is written. A variable of None is the shell's."""
    cards = {"driver": "nvidia", "count": gpu_count, "capabilities": ["gpu"]}
    return {
        **({"image": image} if image else {}),
        **({"entrypoint": list(map(_literal, entrypoint))} if entrypoint else {}),
        "command": list(command),
        "environment": dict(environment),
        "ports": [f"127.0.0.1:{port}:{port}" for port in ports],
        "volumes": ["huggingface:/root/.cache/huggingface"],
        "ipc": "host",
        **({"deploy": {"resources": {"reservations": {"devices": [cards]}}}} if gpu_count else {}),
        **({"healthcheck": health} if health else {}),
        "restart": "on-failure:3",
    }


def _from_outside(secrets: Sequence[str]) -> dict[str, str | None]:
    return {name: f"${{{name}:?}}" for name in secrets}


def _with_keys(args: Sequence[str]) -> Iterator[str]:
    """The arguments with the variable of each key that was not kept."""
    before = ""
    for word in args:
        flag = word.partition("=")[0] if "=" in word else before
        variable = SECRET_FLAGS.get(flag)
        yield word.replace(HIDDEN, f"${{{variable}:?}}") if variable and word.endswith(HIDDEN) else _literal(word)
        before = word


def _literal(text: str) -> str:
    """Compose would put a variable in the place of `$NAME`."""
    return text.replace("$", "$$")


def _literals(values: Mapping[str, str]) -> dict[str, str]:
    return {name: _literal(value) for name, value in values.items()}


def _health(port: int | str, path: str | None, start_s: float | None) -> dict[str, object] | None:
    if path is None:
        return None
    started = {"start_period": f"{start_s:.0f}s"} if start_s else {}
    return {
        "test": ["CMD", "curl", "-fs", f"http://localhost:{port}{path}"],
        "interval": "30s", "timeout": "10s", "retries": 5, **started,
    }  # fmt: skip


def _file(name: str, service: Mapping[str, object]) -> str:
    return dumped({"services": {name: service}, "volumes": {"huggingface": {}}})
