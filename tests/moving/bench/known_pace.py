"""The emulator's model server in a process of its own, with a first token after TTFT_S and then TOKENS_PER_S.

Run: python known_pace.py TTFT_S TOKENS_PER_S; it writes its port.
"""

import socket
import sys

import uvicorn

from cloudgpu.emulator.model_server.app import ModelServerSpec, model_app
from cloudgpu.emulator.model_server.pace import known_pace

MODEL = "mistralai/Mistral-7B-Instruct-v0.3"
KEY = "key-of-the-test"


def main() -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    spec = ModelServerSpec(
        model=MODEL, names=(MODEL,), adapters=(), api_keys=(KEY,), version="0.25.1", max_model_len=4096,
        pace=known_pace(float(sys.argv[1]), float(sys.argv[2])), created_s=1,
    )  # fmt: skip
    sys.stdout.write(f"{sock.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(model_app(spec), log_level="error")).run(sockets=[sock])


if __name__ == "__main__":
    main()
