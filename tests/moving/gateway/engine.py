"""One emulated engine, as a process that can be killed like a real one: `engine.py PORT KEY NAME TOKENS_PER_S`."""

import sys

import uvicorn

from cloudgpu.emulator.model_server.app import ModelServerSpec, model_app
from cloudgpu.emulator.model_server.pace import known_pace


def main():
    port, key, name, tokens_per_s = sys.argv[1:]
    spec = ModelServerSpec(
        model=f"org/{name}", names=(f"org/{name}", "service"), adapters=(), api_keys=(key,), version="0.25.1",
        max_model_len=4096, pace=known_pace(0.05, float(tokens_per_s)), created_s=0,
    )  # fmt: skip
    uvicorn.run(model_app(spec), host="127.0.0.1", port=int(port), log_level="critical", access_log=False)


main()
