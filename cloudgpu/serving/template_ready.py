"""What a template says that would keep every machine from becoming ready: a port or a key of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

from cloudgpu.serving.template import Template

_KEY_VARIABLES = {"vllm": "VLLM_API_KEY", "llama.cpp": "LLAMA_API_KEY"}
"""Where an engine looks for its key by itself."""


@dataclass(frozen=True, slots=True)
class Unready:
    """What is wrong, at which key of the file (its path), and what to write."""

    spot: tuple[str | int, ...]
    what: str
    hint: str


def what_keeps_it_unready(template: Template) -> Iterator[Unready]:
    """Everything that is asked on another port or with another key than the machine answers to."""
    yield from _other_ports(template)
    yield from _other_keys(template)


def _other_ports(template: Template) -> Iterator[Unready]:
    for number, (flag, value) in enumerate(template.arguments):
        if flag == "--port" and value.isdigit() and int(value) != template.port:
            yield Unready(
                ("arguments", number, flag),
                f"the engine would listen on {value}, and port {template.port} is asked whether it is ready",
                "write the same number in both places",
            )


def _other_keys(template: Template) -> Iterator[Unready]:
    variable = _KEY_VARIABLES.get(template.engine, "API_KEY")
    hint = f"below `environment` write {variable}: {{secret: api_key}}"
    for number, (flag, _) in enumerate(template.arguments):
        if flag == "--api-key":
            yield Unready(("arguments", number, flag), "the key of the endpoint is made for each start", hint)
    if any(name == variable for name, _ in template.environment):
        yield Unready(("environment", variable), f"{variable} is not the key that clients are given", hint)
    elif not any(secret == "api_key" for _, secret in template.secrets):
        yield Unready(("environment",), "nothing is given the key of the endpoint", hint)
