"""A dstack service; over several machines a distributed task, the only thing that dstack runs on more than one."""

import shlex

from cloudgpu.serving.render.cards import dstack_name
from cloudgpu.serving.render.setup import Setup, dumped, header
from cloudgpu.serving.render.together import together


def dstack_text(setup: Setup) -> str:
    """The configuration. dstack starts a shell in the image, so the engine's command is run as it is.

    A task has no address of its own: `dstack attach` brings its port to this machine.
    """
    launch = setup.launch
    several = setup.nodes > 1
    body = {
        "type": "task" if several else "service",
        "name": setup.label[:41],
        **({"nodes": setup.nodes} if several else {}),
        "image": launch.image,
        "env": [*(f"{name}={value}" for name, value in setup.plain.items()), *setup.secrets],
        "commands": [_together(setup) if several else shlex.join(setup.command)],
        **({"ports": [setup.port]} if several else {"port": setup.port, "model": launch.health.model_id}),
        "resources": {
            "gpu": {"name": dstack_name(setup.gpu), "memory": f"{setup.gpu_memory_gib}GB", "count": setup.gpu_count},
            "disk": f"{launch.disk_gb}GB..",
            "shm_size": "16GB",
        },
    }
    where = " to a fleet with placement: cluster" if several else ""
    return header(setup, f"dstack apply -f this-file.yaml{where}") + dumped(body)


def _together(setup: Setup) -> str:
    return together(setup, rank='"$DSTACK_NODE_RANK"', head='"$DSTACK_MASTER_NODE_IP"')
