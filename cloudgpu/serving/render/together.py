"""Shell text that every one of several machines runs so that they serve one model together.

vLLM documents two ways: processes that find each other by themselves (from the release that has --nnodes on), and Ray,
which its image carried until 0.17. Both talk in clear text: the machines need a network of their own.
Sources: vLLM documentation, parallelism and scaling; LWS.
"""

import shlex

from cloudgpu.serving.render.setup import Setup

BY_THEMSELVES_SINCE = (0, 11, 1)
_RAY_PORT = 6379
_ATTEMPTS = 60
"""Five seconds apart: how long a machine tries to join, and how soon it ends when the first one is gone."""


def together(setup: Setup, *, rank: str, head: str) -> str:
    """The text. `rank` and `head` are shell words: which machine this is, from 0, and where the first one is."""
    text = _by_themselves if setup.engine_release >= BY_THEMSELVES_SINCE else _by_ray
    return text(setup, rank, head)


def _by_themselves(setup: Setup, rank: str, head: str) -> str:
    meeting = f"--nnodes {setup.nodes} --node-rank {rank} --master-addr {head}"
    return (
        f'if [ {rank} = 0 ]; then ROLE=""; else ROLE=--headless; fi\nexec {shlex.join(setup.command)} {meeting} $ROLE\n'
    )


def _by_ray(setup: Setup, rank: str, head: str) -> str:
    alive = 'import ray; ray.init(address="auto"); print(sum(each["Alive"] for each in ray.nodes()))'
    return (
        f"if [ {rank} != 0 ]; then\n"
        f"  for attempt in $(seq {_ATTEMPTS}); do\n"
        f"    ray start --address={head}:{_RAY_PORT} --block && exit 0\n"
        "    sleep 5\n"
        "  done\n"
        "  exit 1\n"
        "fi\n"
        f"ray start --head --port={_RAY_PORT}\n"
        f"until [ \"$(python3 -c '{alive}' 2>/dev/null | tail -n 1)\" = {setup.nodes} ]; do sleep 5; done\n"
        f"exec {shlex.join(setup.command)} --distributed-executor-backend ray\n"
    )
