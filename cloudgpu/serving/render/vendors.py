"""The vendors' own command lines: Vast.ai's CLI, and RunPod's REST call."""

import json
import shlex

from cloudgpu.serving.render.setup import Setup, header


def vast_text(setup: Setup) -> str:
    """A shell script for `vastai create instance`; the offer's id is its first argument."""
    launch = setup.launch
    variables = [f"-e {name}={value}" for name, value in setup.plain.items()]
    secrets = [f'-e {name}="${name}"' for name in setup.secrets]
    environment = " ".join([f"-p {setup.port}:{setup.port}", *variables, *secrets]).replace('"', '\\"')
    lines = [
        'vastai create instance "$1"',
        f"--image {launch.image}",
        f"--disk {launch.disk_gb}",
        f"--label {setup.label}",
        f'--env "{environment}"',
        "--cancel-unavail",
        *([f"--entrypoint {shlex.quote(shlex.join(launch.entrypoint))}"] if launch.entrypoint else []),
        f"--args {shlex.join(launch.args)}",
    ]
    how = f"sh this-file.sh OFFER_ID; find one: vastai search offers 'gpu_name={setup.gpu.replace(' ', '_')}'"
    return "#!/bin/sh\n" + header(setup, how) + " \\\n  ".join(lines) + "\n"


def runpod_text(setup: Setup) -> str:
    """A shell script that posts the pod to RunPod's REST API, version 2; the card's id is its first argument."""
    launch = setup.launch
    body = {
        "name": setup.label,
        "image": launch.image,
        "gpu": {"id": "$1", "count": setup.gpu_count,
                **({"minCudaVersion": launch.min_cuda} if launch.min_cuda else {})},
        "cloud": "SECURE",
        "disk": launch.disk_gb,
        "ports": [f"{setup.port}/http"],
        "env": {**setup.plain, **{name: f"${name}" for name in setup.secrets}},
        **({"entrypoint": list(launch.entrypoint)} if launch.entrypoint else {}),
        "cmd": list(launch.args),
    }  # fmt: skip
    how = f'sh this-file.sh "NVIDIA GeForce {setup.gpu}" (the card\'s id: cloudgpu gpus); RUNPOD_API_KEY is used too'
    document = json.dumps(body, indent=2).replace("\\", "\\\\").replace("`", "\\`")
    call = [
        'curl -fsS -X POST "https://api.runpod.io/v2/pods" -H "Authorization: Bearer $RUNPOD_API_KEY"',
        '-H "Content-Type: application/json" --data @- <<END',
    ]
    return "#!/bin/sh\n" + header(setup, how) + " \\\n  ".join(call) + f"\n{document}\nEND\n"
