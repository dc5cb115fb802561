"""An emulator in this process: real loopback HTTP, a clock moved by hand."""

import json
from decimal import Decimal

import pytest
import requests

from cloudgpu.emulator.rig import Rig

KEY = "emulator-test-key"
MISTRAL = "mistralai/Mistral-7B-Instruct-v0.2"
IMAGE = "vllm/vllm-openai:v0.25.1"


class Emulator:
    """A rig and a client of it."""

    def __init__(self, rig):
        self.rig, self.clock, self.url = rig, rig.clock, rig.url
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {KEY}"

    def call(self, method, path, body=None, **kwargs):
        return self.http.request(method, self.url + path, json=body, timeout=60, **kwargs)

    def pass_time(self, seconds):
        self.rig.advance(seconds)

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
        return requests.get(answer.json()["result_url"], timeout=30).text

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


@pytest.fixture(scope="session")
def rig():
    """One emulator for every test; each begins with an empty market."""
    with Rig(vast_key=KEY, runpod_key=KEY) as running:
        yield running


@pytest.fixture
def emulator(rig):
    rig.reset(seed=1)
    rig.record(on=False)
    running = Emulator(rig)
    yield running
    running.http.close()
