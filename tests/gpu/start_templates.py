"""The templates, started for real on a CUDA card word for word as `up` asks for them. By hand: they need the card.

    python -m tests.gpu.start_templates FOLDER [TEMPLATE ...] [--version 0.25.1]

Needs this package, the engine of that version (and for transformers-lora what its requirements name) and no network.
Models of random weights are written into FOLDER as a Hub cache. Each template is planned, rendered and started; then
its key, its health path and its answers are asked for. One JSON line a start, with what the engine logged about memory
in the form of tests/accuracy/memory.jsonl and what the estimate says of it; the logs stay in FOLDER.
"""

import argparse
import base64
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests
import torch
from PIL import Image

from cloudgpu.base.secret import Secret
from cloudgpu.running.health import probe
from cloudgpu.serving.asked import PLAIN, Asked
from cloudgpu.serving.engine_log import fatal_in, phase_of
from cloudgpu.serving.launching import launch_of
from cloudgpu.sizing.cases import estimate_case
from cloudgpu.sizing.gpus import match_gpu
from tests.gpu.random_models import write_adapter, write_model
from tests.serving.planning import planned

ROOT = Path(__file__).resolve().parents[2]
KEY = Secret("sk-only-for-this-start")
START_S = 400
TOOL = {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {}}}}
PATTERNS = {
    "weights_gib": r"[Mm]odel (?:loading|weights) took ([\d.]+) Gi?B",
    "kv_cache_gib": r"Available KV cache memory: (-?[\d.]+) GiB",
    "kv_cache_tokens": r"GPU KV cache size: ([\d,]+) tokens",
    "cuda_graph_gib": r"Graph capturing finished in \d+ secs, took (-?[\d.]+) GiB",
}


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start: what is asked of the plan and of the estimate."""

    template: str
    model: str
    options: dict = field(default_factory=dict)
    case: dict = field(default_factory=dict)
    adapter: str | None = None
    asked: Asked = PLAIN
    label: str = ""

    @property
    def name(self):
        """Of its row and its log."""
        return "-".join(filter(None, [self.template, self.label]))

    @property
    def is_app(self):
        return self.template == "transformers-lora"


_APP = Asked(variables={"IMAGE": "ghcr.io/you/transformers-lora:1"})
_LEAN = {"kv_cache_dtype": "fp8", "max_num_seqs": 64, "max_num_batched_tokens": 4096}
STARTS = [
    Start(template="vllm", model="Qwen/Qwen3-0.6B"),
    Start(template="vllm", label="options", model="Qwen/Qwen3-0.6B", asked=Asked(tools=True, reasoning=True),
          options={**_LEAN, "context_tokens": 65536}, case=_LEAN),
    Start(template="vllm", label="online-fp8", model="Qwen/Qwen2.5-0.5B-Instruct", options={"quantization": "fp8"},
          case={"quantization": "fp8"}),
    Start(template="vllm-lora", model="Qwen/Qwen2.5-0.5B-Instruct", adapter="tiny/adapter", options={"lora_rank": 16},
          case={"lora_rank": 16, "max_loras": 1}),
    Start(template="vllm-vision", model="Qwen/Qwen3-VL-2B-Instruct",
          options={"image_limit": 2, "max_pixels": 602112, "context_tokens": 8192},
          case={"image_limit": 2, "max_pixels": 602112}),
    Start(template="embeddings", model="Qwen/Qwen3-Embedding-0.6B"),
    Start(template="embeddings", label="encoder", model="BAAI/bge-m3"),
    *(Start(template="transformers-lora", label=each or "bf16", model="Qwen/Qwen2.5-0.5B-Instruct",
            adapter="tiny/adapter", asked=_APP, options={"engine": "transformers", "quantization": each},
            case={"engine": "transformers", "quantization": each})
      for each in (None, "bitsandbytes-int8", "bitsandbytes")),
]  # fmt: skip


class Server:
    """A process that serves, its log in a file; ended with everything that it started."""

    def __init__(self, command, environment, log: Path, cwd=None):
        self.log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, env=environment, cwd=cwd, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def runs(self):
        return self._process.poll() is None

    def end(self):
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, sign)
                self._process.wait(30)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def launched(start: Start, version: str, gpu: str, memory_mib: int):
    """(what `up` would send, the whole command line, the plan)"""
    engine = {} if start.is_app else {"engine_version": version}
    plan = planned(start.model, gpu=gpu, gpu_memory_mib=memory_mib, adapter=start.adapter, **engine, **start.options)
    launch = launch_of(plan, plan.candidates[0], service="chat", api_key=KEY, asked=start.asked)
    if start.is_app:
        return launch, [sys.executable, "-m", "app"], plan
    assert launch.image == f"vllm/vllm-openai:v{version}", launch.image
    return launch, ["vllm", "serve", *launch.args], plan


def tried(start: Start, home: Path, version: str, gpu: str, memory_mib: int):
    """One start from the files to the answers, as a row."""
    write_model(home, start.model)
    if start.adapter:
        write_adapter(home, start.adapter, start.model, rank=8)
    launch, command, plan = launched(start, version, gpu, memory_mib)
    variables = {name: value.reveal() if isinstance(value, Secret) else value for name, value in launch.env.items()}
    environment = {**os.environ, **variables, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    folder = ROOT / "templates" / "transformers-lora" if start.is_app else None
    refuse_a_server(launch.health.port)
    torch.cuda.empty_cache()
    before = used_gib()
    server, began = Server(command, environment, home / f"{start.name}.log", folder), time.monotonic()
    try:
        row = {"start": start.name, "template": launch.template, "command": command, "environment": sorted(launch.env)}
        ready = settled(server, launch)
        row |= {"start_s": round(time.monotonic() - began, 1), "ready": ready.ready, "detail": ready.detail}
        row |= {"phase": phase_of(server.text())[0], "fatal": str(fatal_in(server.text()) or "")}
        if ready.ready:
            row |= asked(start, launch, plan) | {"taken_gib": round(used_gib() - before, 2)}
        text = server.text()
        return row | {"key_in_log": KEY.reveal() in text} | memory(start, text, plan, version, gpu)
    finally:
        server.end()


def refuse_a_server(port):
    """Raise when something serves there already: it would answer in the place of what is tried."""
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", port)), f"port {port} is taken"


def settled(server: Server, launch):
    """What `up` would see in the end: ready, or not in time, or not any more."""
    until = time.monotonic() + START_S
    while True:
        found = probe(f"http://127.0.0.1:{launch.health.port}", KEY, launch.health)
        if found.ready or not server.runs() or time.monotonic() > until:
            return found
        time.sleep(1)


def asked(start: Start, launch, plan):
    """What it answers with the key and without."""
    url, model = f"http://127.0.0.1:{launch.health.port}", launch.health.model_id
    path = "/v1/embeddings" if launch.health.asks == "embedding" else "/v1/chat/completions"
    body = {"model": model, "input": "Hello."} if path.endswith("embeddings") else talk(model, "Hello.")
    good, none = post(url + path, body, KEY.reveal()), post(url + path, body, None)
    found = {
        "health_without_key": requests.get(url + launch.health.path, timeout=20).status_code,
        "models_without_key": requests.get(f"{url}/v1/models", timeout=20).status_code,
        "without_key": none.status_code, "wrong_key": post(url + path, body, "sk-wrong").status_code,
        "with_key": good.status_code,
    }  # fmt: skip
    if path.endswith("embeddings"):
        return found | {"vector": len(good.json()["data"][0]["embedding"])}
    if start.template == "vllm-lora":
        other = post(url + path, talk("adapter", "Hello."), KEY.reveal())
        found |= {"adapter": other.status_code, "adapter_differs": said(other) != said(good)}
    if start.template == "vllm-vision":
        seen = post(url + path, talk(model, [{"type": "image_url", "image_url": {"url": picture()}},
                                             {"type": "text", "text": "Hello."}]), KEY.reveal())  # fmt: skip
        found |= {"image": seen.status_code, "image_tokens": tokens(seen) - tokens(good)}
    if start.asked.tools:
        called = post(url + path, talk(model, "Hello.") | {"tools": [TOOL], "tool_choice": "auto"}, KEY.reveal())
        found |= {"tools": called.status_code, "reasoning": bool(good.json()["choices"][0]["message"]["reasoning"])}
    return found | {"answer": said(good)[:60]}


def picture():
    """A small picture as an address that holds it."""
    out = io.BytesIO()
    Image.new("RGB", (256, 192), "teal").save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def talk(model, content):
    return {"model": model, "max_tokens": 16, "temperature": 0, "messages": [{"role": "user", "content": content}]}


def post(url, body, key):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return requests.post(url, json=body, headers=headers, timeout=120)


def said(answer):
    """What it says, apart or not; the server's own words where it refuses."""
    if not answer.ok:
        return answer.text[:300]
    message = answer.json()["choices"][0]["message"]
    return message.get("content") or message.get("reasoning") or ""


def tokens(answer):
    return answer.json()["usage"]["prompt_tokens"] if answer.ok else 0


def memory(start: Start, log: str, plan, version: str, gpu: str):
    """The log's figures and the estimate's, side by side."""
    seen = {name: found[-1].replace(",", "") for name, text in PATTERNS.items() if (found := re.findall(text, log))}
    seen = {name: int(each) if name.endswith("tokens") else float(each) for name, each in seen.items()}
    total = round(torch.cuda.get_device_properties(0).total_memory / 2**30, 2)
    case = {
        "model": start.model,
        "gpu": gpu,
        "gpu_total_gib": total,
        "max_model_len": plan.candidates[0].memory.context_tokens,
    }
    if not start.is_app:
        case |= {"engine_version": version, "gpu_memory_utilization": plan.candidates[0].gpu_memory_utilization}
    estimate = estimate_case({**case, **start.case})
    names = seen or ("weights_gib", "activation_peak_gib", "non_torch_gib", "cuda_context_gib")
    return {
        "case": case | start.case,
        "seen": seen,
        "estimate": {name: round(getattr(estimate, name), 2) for name in names},
    }


def used_gib():
    """What every process of the card takes together."""
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 2**30


def main():
    """Every start that was named, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("templates", nargs="*")
    parser.add_argument("--version", default="0.25.1")
    words = parser.parse_args()
    total = torch.cuda.get_device_properties(0).total_memory
    found = match_gpu(torch.cuda.get_device_name(), total >> 20)
    gpu = found.name if found else torch.cuda.get_device_name()
    for start in STARTS:
        if not words.templates or {start.template, start.name} & set(words.templates):
            try:
                row = tried(start, words.folder.resolve(), words.version, gpu, total >> 20)
            except Exception as error:  # the next one may still tell something
                row = {"start": start.name, "error": repr(error)}
            sys.stdout.write(json.dumps({"gpu": gpu, **row}) + "\n")
            sys.stdout.flush()


main()
