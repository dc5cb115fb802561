"""What every format is written from: the launch, the cards it is meant for, and the names of its secrets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cloudgpu.base.secret import Secret
from cloudgpu.planning.nodes import nodes_of
from cloudgpu.planning.offers.offer import cards
from cloudgpu.planning.plan import Plan
from cloudgpu.serving.asked import PLAIN, Asked
from cloudgpu.serving.launch import LaunchRequest
from cloudgpu.serving.launching import launch_of
from cloudgpu.serving.lint.releases.flag_table import release_of
from cloudgpu.serving.profile import label_of

_BASE_START_S = 600
_START_S_PER_GB = 36
_STARTED_BY_IMAGE = {"vllm": ("vllm", "serve"), "llama.cpp": ("/app/llama-server",)}
"""What the engines' own images start; the templates of other engines name it themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A service to be served by `nodes` like machines together. `gpu` is the card's name, `gpu_memory_gib` its memory,
    `gpu_count` how many of it each machine has.

    `entrypoint` is what the image starts by itself, for formats that have only a shell.
    """

    name: str
    model: str
    launch: LaunchRequest
    gpu: str
    gpu_count: int
    gpu_memory_gib: int
    entrypoint: tuple[str, ...]
    engine_release: tuple[int, ...]
    nodes: int = 1

    @property
    def label(self) -> str:
        """The name as other tools take names: lower case letters, digits and dashes, beginning with a letter."""
        return label_of(self.name)

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
        return math.ceil(self.launch.start_limit_s or _BASE_START_S + _START_S_PER_GB * self.launch.download_gb)


def setup_of(plan: Plan, name: str | None = None, asked: Asked = PLAIN) -> Setup:
    """The plan's first candidate as a service of that name, started as was asked; None: the model's short name.

    Raises as `launch_of`.
    """
    candidate, options = plan.candidates[0], plan.needs.options
    service = name or plan.needs.model.short_name
    return Setup(
        name=service,
        model=candidate.checkpoint,
        launch=launch_of(plan, candidate, service=service, api_key=Secret("named, never written"), asked=asked),
        gpu=candidate.offer.gpu,
        gpu_count=candidate.offer.gpu_count,
        gpu_memory_gib=round(candidate.offer.gpu_memory_mib / 1024),
        entrypoint=_STARTED_BY_IMAGE.get(options.profile().name, ()),
        engine_release=release_of(options.profile().version),
        nodes=nodes_of(plan),
    )


def dumped(body: object) -> str:
    """YAML as people write it: keys in their order, scripts as blocks, long lines left whole, nothing said by alias."""
    import yaml  # only when something is rendered

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, _data: object) -> bool:
            return True

        def represent_str(self, text: str) -> yaml.ScalarNode:
            return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Plain.add_representer(str, Plain.represent_str)
    return str(yaml.dump(body, Dumper=Plain, sort_keys=False, allow_unicode=True, width=10_000))


def header(setup: Setup, how: str) -> str:
    """The first lines of a file: what it is, which secrets it wants, how to run it."""
    wanted = f"# Needs {' and '.join(setup.secrets)} in the environment.\n" if setup.secrets else ""
    machines = f"{setup.nodes} machines of " if setup.nodes > 1 else ""
    each = cards(setup.gpu, setup.gpu_memory_gib * 1024, setup.gpu_count)
    private = (
        "# The machines talk to each other in clear text: keep them on a network of their own.\n" if machines else ""
    )
    return f"# {setup.model} on {machines}{each}, by cloudgpu.\n{wanted}{private}# {how}\n"
