"""An emulator in this process: real loopback HTTP, a clock moved by hand."""

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import requests

from cloudgpu.base.clock import ManualClock
from cloudgpu.emulator.app import emulator_app
from cloudgpu.emulator.loop_server import LoopServer
from cloudgpu.emulator.model_servers import ModelServers
from cloudgpu.emulator.ports import LOOPBACK, PortKeeper, loopback_socket
from cloudgpu.emulator.runpod_fleet import make_fleet
from cloudgpu.emulator.world import World

KEY = "emulator-test-key"
MISTRAL = "mistralai/Mistral-7B-Instruct-v0.2"
IMAGE = "vllm/vllm-openai:v0.25.1"


class Emulator:
    """A running emulator and a client of it."""

    def __init__(self, path, seed=1):
        self.clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        self._path = path
        self._seed = seed
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._up.wait(10)
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {KEY}"

    async def _serve(self):
        ports = PortKeeper()
        self.world = World(path=self._path, clock=self.clock, seed=self._seed, reserve_port=ports.reserve)
        runpod_path = self._path.with_name("runpod.json")
        self.pods = World(
            path=runpod_path, clock=self.clock, seed=self._seed, reserve_port=ports.reserve, fleet=make_fleet
        )
        servers = [ModelServers(world, ports) for world in (self.world, self.pods)]
        for each in servers:
            each.keep_ports()

        async def settle():
            self.pods.end_without_credit()
            for each in servers:
                await each.reconcile()

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = emulator_app(self.world, runpod=self.pods, api_key=KEY, token="t", after=settle, stop=self._stop.set)
        sock = loopback_socket()
        sock.bind((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{sock.getsockname()[1]}"
        api = LoopServer(app, sock)
        await api.begin()
        self._up.set()
        await self._stop.wait()
        api.end()
        for each in servers:
            await each.close()
        await api.ended()

    def close(self):
        self.http.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def call(self, method, path, body=None, **kwargs):
        return self.http.request(method, self.url + path, json=body, timeout=10, **kwargs)

    def pass_time(self, seconds):
        """Move the clock; the request that follows opens and closes ports."""
        self.clock.time += timedelta(seconds=seconds)
        self.call("GET", "/emulator/status")

    def search(self, **query):
        answer = self.call("POST", "/api/v0/bundles/", query)
        assert answer.status_code == 200, answer.text
        return answer.json(parse_float=Decimal)["offers"]

    def offer(self, **more):
        """The cheapest sound offer of a card for a model of 7B."""
        wanted = {
            "gpu_name": {"eq": "RTX 4090"},
            "num_gpus": {"eq": 1},
            "cuda_max_good": {"gte": 13.0, "lte": 20},
            "direct_port_count": {"gte": 1},
            "inet_down": {"gte": 300},
            "allocated_storage": 60,
            "order": [["dph_total", "asc"]],
        }
        return self.search(**{**wanted, **more})[0]

    def create(self, offer=None, **more):
        return self.call("PUT", f"/api/v0/asks/{(offer or self.offer())['id']}/", body(**more))

    def rent(self, offer=None, **more):
        answer = self.create(offer, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["new_contract"]

    def show(self, instance_id):
        answer = self.call("GET", f"/api/v0/instances/{instance_id}/?owner=me")
        assert answer.status_code == 200
        return answer.json(parse_float=Decimal)["instances"]

    def list(self, **params):
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
        return self.call("GET", "/api/v1/instances/", params=texts)

    def fault(self, on, do, **more):
        answer = self.call("POST", "/emulator/faults", {"on": on, "do": do, **more})
        assert answer.status_code == 200, answer.text

    def address(self, instance_id):
        return f"http://127.0.0.1:{self.show(instance_id)['ports']['8000/tcp'][0]['HostPort']}"

    def logs(self, instance_id, **more):
        answer = self.call("PUT", f"/api/v0/instances/request_logs/{instance_id}/", {"tail": "1000", **more})
        return requests.get(answer.json()["result_url"], timeout=5).text

    def bill(self):
        return self.call("GET", "/emulator/bill").json()


def body(*, args=(), env=None, **more):
    """A create body with all the keys that Vast's own client sends; a list of `args` is added to the usual ones."""
    usual = ["--model", MISTRAL, "--served-model-name", MISTRAL, "svc", "--max-model-len", "8192"]
    wanted = {
        "client_id": "me", "image": IMAGE, "env": {"VLLM_API_KEY": "sk-1", "-p 8000:8000": "1"}, "price": None,
        "disk": 60, "label": "token-1", "extra": None, "onstart": None, "image_login": None, "python_utf8": False,
        "lang_utf8": False, "use_jupyter_lab": False, "jupyter_dir": None, "force": False, "cancel_unavail": True,
        "template_hash_id": None, "user": None, "runtype": "args",
        "args": [*usual, *args] if isinstance(args, list | tuple) else args,
    }  # fmt: skip
    return {**wanted, **({"env": env} if env is not None else {}), **more}


@pytest.fixture
def emulator(tmp_path):
    running = Emulator(tmp_path / "world.json")
    yield running
    running.close()
