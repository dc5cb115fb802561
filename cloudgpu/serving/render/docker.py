"""One `docker run`."""

import shlex

from cloudgpu.serving.render.setup import Setup, header


def docker_text(setup: Setup) -> str:
    """A shell script. Secrets are taken over from the shell that runs it, by name alone."""
    launch = setup.launch
    options = [
        "--detach",
        f"--name {setup.label}",
        f"--gpus {setup.gpu_count}",
        "--ipc host",
        "--restart on-failure:3",
        f"--publish 127.0.0.1:{setup.port}:{setup.port}",
        "--volume huggingface:/root/.cache/huggingface",
        *(f"--env {shlex.quote(f'{name}={value}')}" for name, value in setup.plain.items()),
        *(f"--env {name}" for name in setup.secrets),
        *([f"--entrypoint {shlex.quote(launch.entrypoint[0])}"] if launch.entrypoint else []),
    ]
    words = [launch.image, *(launch.entrypoint or ())[1:], *launch.args]
    lines = [*options, *_paired(words)]
    return "#!/bin/sh\n" + header(setup, "sh this-file.sh") + "docker run \\\n  " + " \\\n  ".join(lines) + "\n"


def _paired(words: list[str]) -> list[str]:
    """The words as lines: a flag and its value stand together."""
    lines: list[str] = []
    for word in words:
        belongs = lines and lines[-1].startswith("--") and " " not in lines[-1] and not word.startswith("-")
        lines[-1:] = [f"{lines[-1]} {shlex.quote(word)}"] if belongs else [*lines[-1:], shlex.quote(word)]
    return lines
