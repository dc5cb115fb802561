"""A SkyPilot task with a `service` section: `sky launch` runs one, `sky serve up` a fleet with fail-over."""

import shlex

from cloudgpu.serving.render.cards import skypilot_name
from cloudgpu.serving.render.setup import Setup, dumped, header
from cloudgpu.serving.render.together import together


def skypilot_text(setup: Setup) -> str:
    """The task. The engine's own image is the machine's, so its command is run as it is.

    A secret that was not given is empty in the file's own terms; the task ends then, rather than serve without a key.
    """
    launch = setup.launch
    guards = [f': "${{{name}:?give it with --secret {name}}}"' for name in setup.secrets]
    body = {
        "name": setup.label,
        **({"num_nodes": setup.nodes} if setup.nodes > 1 else {}),
        "resources": {
            "accelerators": {skypilot_name(setup.gpu): setup.gpu_count},
            "disk_size": max(launch.disk_gb, 50),
            "image_id": f"docker:{launch.image}",
            "ports": setup.port,
        },
        "envs": dict(setup.plain),
        "secrets": dict.fromkeys(setup.secrets, ""),
        "service": {"readiness_probe": _probe(setup), "replicas": 1},
        "run": "\n".join([*guards, _start(setup)]) + "\n",
    }
    passed = " ".join(f"--secret {name}" for name in setup.secrets)
    return header(setup, f"sky launch {passed} this-file.yaml, or as a fleet: sky serve up") + dumped(body)


def _probe(setup: Setup) -> dict[str, object]:
    key = next((name for name in setup.secrets if name.endswith("API_KEY")), None)
    headers = {"headers": {"Authorization": f"Bearer ${key}"}} if key else {}
    return {"path": "/v1/models", "initial_delay_seconds": setup.start_s, **headers}


def _start(setup: Setup) -> str:
    if setup.nodes == 1:
        return shlex.join(setup.command)
    head = 'HEAD=$(echo "$SKYPILOT_NODE_IPS" | head -n 1)\n'
    return head + together(setup, rank='"$SKYPILOT_NODE_RANK"', head='"$HEAD"').rstrip("\n")
