"""A dstack service."""

import shlex

from cloudgpu.serving.render.cards import dstack_name
from cloudgpu.serving.render.setup import Setup, dumped, header


def dstack_text(setup: Setup) -> str:
    """The configuration. dstack starts a shell in the image, so the engine's command is run as it is."""
    launch = setup.launch
    body = {
        "type": "service",
        "name": setup.label[:41],
        "image": launch.image,
        "env": [*(f"{name}={value}" for name, value in setup.plain.items()), *setup.secrets],
        "commands": [shlex.join(setup.command)],
        "port": setup.port,
        "model": launch.health.model_id,
        "resources": {
            "gpu": {"name": dstack_name(setup.gpu), "memory": f"{setup.gpu_memory_gib}GB", "count": setup.gpu_count},
            "disk": f"{launch.disk_gb}GB..",
            "shm_size": "16GB",
        },
    }
    return header(setup, "dstack apply -f this-file.yaml") + dumped(body)
