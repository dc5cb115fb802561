"""The whole way on a real daemon, where there is one that hands out GPUs: what it is on paper is what it does.

The image is made here, of this machine's Python and a small engine: nothing is fetched. Without NVIDIA's toolkit a hook
that does nothing, `nvidia-container-runtime-hook` on the daemon's PATH, stands in for it; then dockerd needs no card:

    dockerd --data-root DIR --storage-driver vfs --iptables=false -H unix://DIR/docker.sock
    DOCKER_HOST=unix://DIR/docker.sock pytest -m official tests/running/test_docker_real.py
"""

import io
import os
import subprocess
import sys
import sysconfig
import tarfile
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_socket

from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import CreateRefusedError, InstanceFailedError, InvalidRequestError
from cloudgpu.base.settings import docker_settings
from cloudgpu.running.deployment import DeploymentState, Limits, UpRequest, bring_up, refresh, take_down
from cloudgpu.running.deployment.request import rental_of
from cloudgpu.running.health import ask
from cloudgpu.running.providers.docker import open_docker
from cloudgpu.running.store import Store
from tests.running import small_engine
from tests.running.docker_world import KEY, LAUNCH, QUERY

pytestmark = pytest.mark.official
HOST = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
ENTRYPOINT = ("/python/bin/python3", "/small_engine.py")


@pytest.fixture(autouse=True)
def _sockets():
    pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost"], allow_unix_socket=True)


@pytest.fixture(scope="module")
def client():
    docker = pytest.importorskip("docker")
    if not HOST.startswith("unix://") or not os.path.exists(HOST.removeprefix("unix://")):
        pytest.skip(f"no Docker daemon on this machine: {HOST}")
    pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost"], allow_unix_socket=True)
    client = docker.APIClient(base_url=HOST, version="auto", timeout=300)
    yield client
    client.close()


@pytest.fixture(scope="module")
def image(client):
    """An image of this machine's Python, its libraries and the engine; removed at the end."""
    name = f"cloudgpu-test-{uuid.uuid4().hex[:8]}:1"
    client.import_image_from_data(_rootfs(), repository=name.partition(":")[0], tag="1")
    yield name
    client.remove_image(name, force=True)


@pytest.fixture
def provider(client):
    opened = open_docker(docker_settings({"DOCKER_HOST": HOST, "CLOUDGPU_DOCKER_GPUS": "1x RTX 3090"}), SystemClock())
    before = {view.instance_id for view in opened.instances()}
    if before:
        pytest.skip("engines of somebody's run on this machine: it is left alone")
    yield opened
    for view in opened.instances():
        opened.destroy(view.instance_id)
    opened.daemon.client().close()


@pytest.fixture
def tools(provider, tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'cloudgpu.db'}")
    yield {"provider": provider, "store": store, "clock": SystemClock(), "emit": store.append}
    store.close()


def request_for(provider, image, *args):
    launch = replace(LAUNCH, image=image, entrypoint=ENTRYPOINT, args=args or LAUNCH.args)
    rental = rental_of(provider.search(QUERY).offers[0], launch)
    return UpRequest(
        name="tiny", service="tiny", model="org/model", short_name="tiny", plan_id=None, rentals=(rental,), api_key=KEY,
        limits=Limits(max_wait_s=120),
    )  # fmt: skip


def test_up_answers_with_its_key_and_down_leaves_nothing(tools, provider, image):
    try:
        deployment = bring_up(request_for(provider, image), **tools)
    except CreateRefusedError as error:
        pytest.skip(f"this daemon hands out no GPUs: {error.message}")
    assert deployment.state is DeploymentState.READY
    assert deployment.endpoint.startswith("http://127.0.0.1:")
    assert ask(deployment.endpoint, KEY, "org/model", "What is a GPU?", 16).text == "Hello."
    assert refresh(deployment, *tools.values()).state is DeploymentState.READY
    assert provider.logs(deployment.instance_id, 2) == "".join(small_engine.LOG.splitlines(keepends=True)[-2:])
    assert take_down(deployment, **tools).state is DeploymentState.GONE
    assert list(provider.instances()) == []
    assert provider.destroy(deployment.instance_id) is False


def test_an_engine_that_does_not_start_is_told_and_removed(tools, provider, image):
    request = request_for(provider, image, "--port", "no number", "--model", "org/model")
    with pytest.raises((InstanceFailedError, CreateRefusedError)) as told:
        bring_up(request, **tools)
    if isinstance(told.value, CreateRefusedError):
        pytest.skip(f"this daemon hands out no GPUs: {told.value.message}")
    assert "ended with 1" in told.value.message
    assert list(provider.instances()) == []


def test_an_image_that_nobody_has_is_one_sentence(provider):
    with pytest.raises(InvalidRequestError) as told:
        provider.prepare(replace(LAUNCH, image="127.0.0.1:9/nobody/nothing:1"), lambda words: None)
    assert "\n" not in told.value.message


def _rootfs():
    """A file system: /python with the interpreter and its library, the system's libraries it needs, the engine."""
    packed = io.BytesIO()
    python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(python.resolve(), "python/bin/python3")
        library = Path(sysconfig.get_path("stdlib"))
        tar.add(library, f"python/lib/{library.name}", filter=_needed)
        for each in _libraries(python, *sorted((library / "lib-dynload").glob("*.so"))):
            tar.add(os.path.realpath(each), each.lstrip("/"))
        tar.add(small_engine.__file__, "small_engine.py")
    return packed.getvalue()


def _needed(entry):
    unneeded = ("site-packages", "dist-packages", "test", "__pycache__", "idlelib", "tkinter", "ensurepip")
    return None if any(part in unneeded or part.startswith("config-") for part in Path(entry.name).parts) else entry


def _libraries(*programs):
    """Paths of the shared libraries that these need, the loader among them."""
    found = set()
    for program in programs:
        told = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        found |= {word for word in told.split() if word.startswith("/") and not word.endswith(":")}
    return sorted(found)
