"""A machine of one's own with two cards: its daemon on paper, the adapter that reaches the real ones, a journal."""

import contextlib
import dataclasses
import shutil
import tempfile
from datetime import UTC, datetime

import pytest_socket

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.secret import Secret
from cloudgpu.base.settings import docker_settings
from cloudgpu.cli.plan.search import query_for
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.plan import make_plan
from cloudgpu.running.deployment import Limits, bring_up, request_from_plan
from cloudgpu.running.providers.base import OfferQuery
from cloudgpu.running.providers.docker import open_docker
from cloudgpu.running.store import Store
from cloudgpu.serving.launch import HealthCheck, LaunchRequest
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions
from tests.running.docker_daemon import Daemon

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = Secret("sk-endpoint")
QUERY = OfferQuery(disk_gb=40)
LAUNCH = LaunchRequest(
    image="vllm/vllm-openai:v0.25.1", args=("--model", "org/model", "--port", "8000"), env={"VLLM_API_KEY": KEY},
    ports=(8000,), disk_gb=40, download_gb=15.0,
    health=HealthCheck(port=8000, path="/health", model_id="org/model"),
)  # fmt: skip
SETTINGS = {"CLOUDGPU_DOCKER_GPUS": "2x RTX 3090", "CLOUDGPU_DOCKER_USD_PER_KWH": "0.30"}


class DockerWorld:
    """Everything at hand, under one clock that moves when it is slept on."""

    def __init__(self, folder, settings=SETTINGS):
        self.clock = ManualClock(START)
        self.daemon = Daemon(f"{folder}/docker.sock", self.clock).start()
        self._opened = []
        self.provider = self.open(settings)
        self.store = Store(f"sqlite:///{folder}/cloudgpu.db")

    def open(self, settings=SETTINGS):
        environment = {"DOCKER_HOST": f"unix://{self.daemon.path}"} | settings
        self._opened.append(open_docker(docker_settings(environment), self.clock))
        return self._opened[-1]

    def close(self):
        self.store.close()
        self.daemon.stop()
        for each in self._opened:
            if each.daemon._client is not None:
                each.daemon._client.close()

    @property
    def tools(self):
        return {"provider": self.provider, "store": self.store, "clock": self.clock, "emit": self.store.append}

    def offer(self, count=1):
        return next(each for each in self.provider.search(QUERY).offers if each.gpu_count == count)

    def run(self, label="token-1", offer=None, launch=LAUNCH):
        return self.provider.create(offer or self.offer(), launch, label)

    def request(self, **limits):
        needs = Needs(model=resolve_model("mistral"), options=ServingOptions(quantization="awq"), providers=("docker",))
        plan = make_plan(needs, self.provider.search(query_for(needs)), self.clock.now())
        wished = dataclasses.replace(Limits(), **limits)
        return request_from_plan(plan, name="mistral", service="mistral", api_key=KEY, limits=wished)

    def up(self, on_progress=lambda progress: None, **limits):
        return bring_up(self.request(**limits), **self.tools, on_progress=on_progress)


@contextlib.contextmanager
def docker_world(settings=SETTINGS):
    """A world, and sockets of files allowed beside those of loopback while it lasts."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)
    folder = tempfile.mkdtemp(prefix="docker-")  # a socket's path may be 107 characters long, and pytest's are longer
    world = DockerWorld(folder, settings)
    try:
        yield world
    finally:
        world.close()
        shutil.rmtree(folder)
