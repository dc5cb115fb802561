"""Docker Compose: one service with its GPUs, a volume for downloads, shared memory and a health check."""

from cloudgpu.serving.profile import Profile
from cloudgpu.serving.render.setup import Setup, dumped, header


def compose_text(setup: Setup) -> str:
    """The file. The port is bound to this machine: put a proxy with a list of paths in front before opening it."""
    launch = setup.launch
    service: dict[str, object] = {
        "image": launch.image,
        **({"entrypoint": list(launch.entrypoint)} if launch.entrypoint else {}),
        "command": list(launch.args),
        "environment": {**setup.plain, **{name: f"${{{name}:?}}" for name in setup.secrets}},
        "ports": [f"127.0.0.1:{setup.port}:{setup.port}"],
        "volumes": ["huggingface:/root/.cache/huggingface"],
        "ipc": "host",
        "deploy": {"resources": {"reservations": {"devices": [
            {"driver": "nvidia", "count": setup.gpu_count, "capabilities": ["gpu"]}
        ]}}},
        "healthcheck": {
            "test": ["CMD", "curl", "-fs", f"http://localhost:{setup.port}{launch.health.path}"],
            "interval": "30s", "timeout": "10s", "retries": 5, "start_period": f"{setup.start_s}s",
        },
        "restart": "on-failure:3",
    }  # fmt: skip
    body = {"services": {setup.label: service}, "volumes": {"huggingface": {}}}
    return header(setup, "docker compose up -d") + dumped(body)


def profile_text(profile: Profile) -> str:
    """A kept profile as a file: the same image and flags; every variable comes from outside, keys too."""
    service: dict[str, object] = {
        **({"image": profile.image} if profile.image else {}),
        **({"entrypoint": list(profile.entrypoint)} if profile.entrypoint else {}),
        "command": [word.replace("***", "${VLLM_API_KEY:?}") for word in profile.args],
        "environment": {name: f"${{{name}:-}}" for name in profile.variables},
        "ports": [f"127.0.0.1:{port}:{port}" for port in profile.ports],
    }
    return dumped({"services": {profile.name: service}})
