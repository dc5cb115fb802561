"""A real llama-server takes the template's own command line, fetches from a Hub on loopback, and serves."""

import hashlib
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cloudgpu.serving.engine_log import fatal_in, phase_of
from tests.free_port import free_port
from tests.serving.planning import KEY, launched, value

SERVER = os.environ.get("CLOUDGPU_LLAMA_SERVER") or shutil.which("llama-server")
SHA = "1a2b3c4d5e6f7890123456789012345678901234"
FILE = "Qwen3-8B-Q4_K_M.gguf"
PATIENCE_S = 120

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not SERVER, reason="no llama-server: docs/engine-parser.md says where one comes from"),
]


@pytest.fixture
def hub(tmp_path):
    """A Hub with one repository of one tiny file; its address."""
    pytest.importorskip("gguf")
    from tests.serving.tiny_gguf import write_tiny_gguf  # needs gguf

    write_tiny_gguf(tmp_path / FILE)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    server.weights = (tmp_path / FILE).read_bytes()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def start(tmp_path, hub):
    """`start(launch)`: the process, its log and the port, once it answers or has ended."""
    running = []

    def run(launch, *more):
        port = free_port()
        words = [SERVER, *launch.args, *more]
        words[words.index("--port") + 1] = str(port)
        keys = {name: secret.reveal() for name, secret in launch.env.items() if name == "LLAMA_API_KEY"}
        log = tmp_path / "server.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                words, stdout=out, stderr=out, env={**os.environ, **keys, "HF_ENDPOINT": hub, "HF_HOME": str(tmp_path)}
            )
        running.append(process)
        until = time.monotonic() + PATIENCE_S
        while process.poll() is None and time.monotonic() < until and _ask(port, launch.health.path)[0] != 200:
            time.sleep(0.1)
        return process, log, port

    yield run
    for process in running:
        process.terminate()
        process.wait(PATIENCE_S)


def test_the_templates_command_line_serves_every_sequence_with_its_whole_context(start):
    launch = _launched(concurrency=4, kv_cache_dtype="fp8")
    process, log, port = start(launch)
    assert process.poll() is None, log.read_text()
    assert phase_of(log.read_text())[0] == "serving"
    assert fatal_in(log.read_text()) is None
    assert _ask(port, "/v1/models")[0] == 401
    _, listed = _ask(port, "/v1/models", key=KEY)
    assert [each["id"] for each in listed["data"]] == [launch.health.model_id]
    _, slots = _ask(port, "/slots", key=KEY)
    assert [each["n_ctx"] for each in slots] == [8192] * 4


def test_it_completes_for_those_who_have_the_key_alone(start):
    launch = _launched()
    _, _, port = start(launch)
    asked = {"model": value(launch, "--alias"), "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}
    assert _ask(port, "/v1/chat/completions", asked)[0] == 401
    status, answer = _ask(port, "/v1/chat/completions", asked, key=KEY)
    assert (status, answer["usage"]["completion_tokens"] > 0) == (200, True)


@pytest.mark.parametrize(("more", "remedy"), [(["--nix"], "option"), (["--cache-type-k", "q3"], "option")])
def test_a_start_that_fails_is_told_from_the_log(start, more, remedy):
    process, log, _ = start(_launched(), *more)
    assert process.wait(PATIENCE_S) != 0
    assert remedy in fatal_in(log.read_text()).remedy


def _launched(**options):
    return launched("qwen3-8b", engine="llama.cpp", engine_version="b6500", quantization="q4_k_m", **options)


def _ask(port, path, body=None, key=None):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key.reveal()}"} if key else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code, None
    except OSError:
        return 0, None


class _Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        weights = self.server.weights
        digest = hashlib.sha256(weights).hexdigest()
        if self.path.endswith("/refs"):
            self._send(json.dumps({"branches": [{"name": "main", "targetCommit": SHA}]}).encode(), "")
        elif "/tree/" in self.path:
            file = {"type": "file", "path": FILE, "lfs": {"oid": digest, "size": len(weights)}}
            self._send(json.dumps([file]).encode(), "")
        else:
            self._send(weights, digest)

    def do_HEAD(self):
        self.do_GET()

    def log_message(self, *_):
        pass

    def _send(self, body, tag):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{tag}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
