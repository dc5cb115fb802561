"""The timer inside an instance, as a real shell runs it: against a provider on loopback that only listens."""

import os
import shlex
import signal
import subprocess
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cloudgpu.base.errors import UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.emulator.engine.command import read_command
from cloudgpu.serving.dead_man import with_dead_man
from cloudgpu.serving.launch import HealthCheck, LaunchRequest

LAUNCH = LaunchRequest(
    image="vllm/vllm-openai:v0.25.1", args=("--model", "org/it's", "--port", "8000"),
    env={"VLLM_API_KEY": Secret("sk-service")}, ports=(8000,), disk_gb=40, download_gb=20.0,
    health=HealthCheck(port=8000, path="/health", model_id="org/it's"),
)  # fmt: skip
VAST = {"CONTAINER_ID": "77", "CONTAINER_API_KEY": "key-of-77"}
RUNPOD = {"RUNPOD_POD_ID": "pod7", "RUNPOD_API_KEY": "key-of-pod7"}


@pytest.fixture
def listener():
    """A provider that writes down what it is asked, and refuses to remove anything while `refuses`."""

    class Handler(BaseHTTPRequestHandler):
        def _hear(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            server.heard.append((self.command, self.path, self.headers["Authorization"], body))
            self.send_response(403 if server.refuses and self.command == "DELETE" else 200)
            self.end_headers()

        do_DELETE = do_PUT = do_POST = _hear  # noqa: N815  (the names of the base class)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.heard, server.refuses = [], False
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def start(listener, tmp_path):
    """Start a container's command with this engine and these variables, in a process group that ends with the test."""
    started = []

    def run(engine, env, seconds=0):
        launch = replace(LAUNCH, entrypoint=("sh", "-c", engine, "engine"))
        timed = with_dead_man(
            launch, seconds, vast_url=listener.url, runpod_url=listener.url, poll_s=1, marker=str(tmp_path / "began")
        )
        process = subprocess.Popen(
            [*timed.entrypoint, *timed.args], env={"PATH": os.environ["PATH"], **env}, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_on_a_machine_of_ones_own_it_ends_the_engine_itself(start, listener):
    assert start("exec sleep 600", {}).wait(timeout=120) == -signal.SIGTERM
    assert listener.heard == []


def heard(listener, count):
    until = time.monotonic() + 120
    while len(listener.heard) < count and time.monotonic() < until:
        time.sleep(0.02)
    return listener.heard


@pytest.mark.parametrize(
    ("env", "path", "key"),
    [(VAST, "/api/v0/instances/77/", "Bearer key-of-77"), (RUNPOD, "/v2/pods/pod7", "Bearer key-of-pod7")],
)
def test_when_its_time_has_come_the_instance_is_removed_with_its_own_key(listener, start, env, path, key):
    start("sleep 60", env)
    assert heard(listener, 1) == [("DELETE", path, key, "")]


@pytest.mark.parametrize(
    ("env", "stop"),
    [
        (VAST, ("PUT", "/api/v0/instances/77/", "Bearer key-of-77", '{"state":"stopped"}')),
        (RUNPOD, ("POST", "/v2/pods/pod7/action", "Bearer key-of-pod7", '{"action":"stop"}')),
    ],
)
def test_where_a_removal_is_refused_it_is_stopped(listener, start, env, stop):
    listener.refuses = True
    start("sleep 60", env)
    assert heard(listener, 2)[1] == stop


def test_the_engine_stays_the_first_process_with_its_arguments_and_its_exit_status(listener, start, tmp_path):
    process = start(f'echo $$ "$@" > {tmp_path}/said; exit 7', VAST, seconds=3600)
    assert process.wait(120) == 7
    said = (tmp_path / "said").read_text().split()
    assert said == [str(process.pid), "--model", "org/it's", "--port", "8000"]
    assert listener.heard == []


def test_a_restart_of_the_container_does_not_start_its_time_anew(listener, start, tmp_path):
    (tmp_path / "began").write_text(str(int(time.time()) - 100))
    start("sleep 60", VAST, seconds=90)
    assert heard(listener, 1)[0][0] == "DELETE"


def test_an_image_whose_start_is_not_known_takes_no_timer():
    with pytest.raises(UsageError, match="is not known"):
        with_dead_man(replace(LAUNCH, image="ghcr.io/ggml-org/llama.cpp:server-cuda-b1"), 3600)


def test_vllm_is_started_as_before_and_everything_fits_into_vasts_start_command():
    timed = with_dead_man(LAUNCH, 8 * 3600)
    line = shlex.join((*timed.entrypoint, *timed.args))
    assert len(line) < 2500  # of 4048
    plain = read_command(LAUNCH.image, LAUNCH.args, None, {}, entrypoint_kept=True)
    assert read_command(timed.image, (), line, {}, entrypoint_kept=True) == plain
