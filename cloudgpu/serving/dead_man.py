"""A timer inside the instance that ends it, should nobody outside be left to do it: off unless it is asked for.

It ends the instance with what the provider itself puts into each instance for that one alone (Vast.ai: CONTAINER_ID and
CONTAINER_API_KEY; RunPod: RUNPOD_POD_ID and a RUNPOD_API_KEY of the pod). Without either, on a machine of one's own, it
ends the engine: nothing starts that container again. The account's key is never sent there.
Whether RunPod lets a pod's key remove the pod is not known: when that is refused it is stopped, as it is at Vast.ai.
Nothing outside can postpone it: the time runs from the container's first start.
"""

import dataclasses

from cloudgpu.base.errors import UsageError
from cloudgpu.base.settings import RUNPOD_URL, VAST_URL
from cloudgpu.serving.launch import LaunchRequest

_STARTS = {"vllm/vllm-openai": ("python3", "-m", "vllm.entrypoints.openai.api_server")}
"""What these images start by themselves, written so that every release of them has it."""

_SHELL = """f=MARKER
[ -s $f ] || date +%s > $f
t=$(cat $f || date +%s)
(until [ $(($(date +%s) - t)) -ge SECONDS_TO_LIVE ]; do sleep POLL_S; done
while :; do python3 -c 'PYTHON' $$; sleep 60; done) &
exec "$@"
"""

_PYTHON = """
import os, sys, urllib.request as r
e = os.environ
v = e.get("CONTAINER_ID")
if not v and "RUNPOD_POD_ID" not in e:
    os.kill(int(sys.argv[1]), 15)
    raise SystemExit
at = f"VAST_URL/api/v0/instances/{v}/" if v else "RUNPOD_URL/v2/pods/" + e["RUNPOD_POD_ID"]
key = e["CONTAINER_API_KEY" if v else "RUNPOD_API_KEY"]
def ask(method, at, body=None):
    h = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
    r.urlopen(r.Request(at, body, h, method=method), timeout=60)
try:
    ask("DELETE", at)
except Exception as error:
    print("dead man:", error, flush=True)
    ask("PUT", at, b"{\\"state\\":\\"stopped\\"}") if v else ask("POST", at + "/action", b"{\\"action\\":\\"stop\\"}")
"""


def with_dead_man(
    launch: LaunchRequest, seconds: float, *, vast_url: str = VAST_URL, runpod_url: str = RUNPOD_URL, poll_s: int = 30,
    marker: str = "/var/tmp/dead-man",
) -> LaunchRequest:  # fmt: skip
    """The launch with a timer beside its engine, which stays the container's first process, with its exit status.

    `marker` is a file of the container that keeps the time of the first start through restarts of the container.
    Raises UsageError where nobody knows what the image starts by itself. Needs sh, date and python3 in the image.
    """
    engine = launch.entrypoint or _STARTS.get(launch.image.rsplit(":", 1)[0])
    if engine is None:
        raise UsageError(
            f"what {launch.image} starts is not known, so no timer can be put beside it",
            hint="leave --dead-man out, or give the template an entrypoint",
        )
    python = _PYTHON.strip().replace("VAST_URL", vast_url).replace("RUNPOD_URL", runpod_url)
    script = _SHELL.replace("SECONDS_TO_LIVE", str(int(seconds))).replace("POLL_S", str(poll_s))
    script = script.replace("MARKER", marker).replace("PYTHON", python)
    return dataclasses.replace(launch, entrypoint=("sh", "-c", script, "dead-man", *engine))
