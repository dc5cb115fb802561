"""What every format is written from: the launch, the cards it is meant for, and the names of its secrets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cloudgpu.base.secret import Secret
from cloudgpu.serving.launch import LaunchRequest

_BASE_START_S = 600
_START_S_PER_GB = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A service to be served by one machine. `gpu` is the card's name, `gpu_memory_gib` its memory.

    `entrypoint` is what the image starts by itself, for formats that have only a shell.
    """

    name: str
    model: str
    launch: LaunchRequest
    gpu: str
    gpu_count: int
    gpu_memory_gib: int
    entrypoint: tuple[str, ...]

    @property
    def label(self) -> str:
        """The name as other tools take names: lower case letters, digits and dashes, beginning with a letter."""
        plain = re.sub(r"[^a-z0-9-]+", "-", self.name.lower()).strip("-") or "model"
        return plain if plain[0].isalpha() else f"m-{plain}"

    @property
    def port(self) -> int:
        """Where it listens inside the container."""
        return self.launch.health.port

    @property
    def command(self) -> tuple[str, ...]:
        """The whole command line."""
        return (*(self.launch.entrypoint or self.entrypoint), *self.launch.args)

    @property
    def plain(self) -> Mapping[str, str]:
        """Variables that are no secrets."""
        return {name: value for name, value in self.launch.env.items() if not isinstance(value, Secret)}

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the variables that hold secrets."""
        return tuple(name for name, value in self.launch.env.items() if isinstance(value, Secret))

    @property
    def start_s(self) -> int:
        """How long a cold start may take: image and weights over the network, load, compile, warm-up."""
        return int(_BASE_START_S + _START_S_PER_GB * self.launch.download_gb)


def dumped(body: object) -> str:
    """YAML as people write it: keys in their order, long lines left whole."""
    import yaml  # only when something is rendered

    return str(yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=False))


def header(setup: Setup, how: str) -> str:
    """The first lines of a file: what it is, which secrets it wants, how to run it."""
    wanted = f"# Needs {' and '.join(setup.secrets)} in the environment.\n" if setup.secrets else ""
    return f"# {setup.model} on {setup.gpu_count}x {setup.gpu}, by cloudgpu.\n{wanted}# {how}\n"
