"""The smallest thing that passes for an engine: the standard library alone, so that it runs in a container of its own.

python3 small_engine.py --model org/model --port 8000        with VLLM_API_KEY in the environment
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOG = (
    "INFO 11-21 Starting to load model\n"
    "INFO 11-21 Model loading took 3.88 GiB\n"
    "INFO:     Application startup complete.\n"
)  # fmt: skip


class Engine(ThreadingHTTPServer):
    """Answers /health to anybody, and everything under /v1 to whoever has the key."""

    daemon_threads = True

    def __init__(self, args, environment, host="0.0.0.0", port=None):
        self.model = _option(args, "--served-model-name") or _option(args, "--model") or args[0]
        self.key = environment.get("VLLM_API_KEY")
        super().__init__((host, int(_option(args, "--port") or 8000) if port is None else port), _Answers)

    def handle_error(self, request, client_address):
        """A client that hangs up in the middle is none of the engine's business."""


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/health":
            self._say(200, {})
        elif self._may_pass():
            self._say(200, {"data": [{"id": self.server.model}]})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        if not self._may_pass():
            return
        said, usage = {"role": "assistant", "content": "Hello."}, {"prompt_tokens": 3, "completion_tokens": 2}
        if asked.get("stream"):
            chunk = {"choices": [{"delta": said}], "usage": usage}
            self._raw(200, b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(chunk).encode())
        else:
            self._say(200, {"choices": [{"message": said}], "usage": usage})

    def log_message(self, *_):
        """An engine's own log is LOG."""

    def _may_pass(self):
        if self.headers.get("Authorization") == f"Bearer {self.server.key}":
            return True
        self._say(401, {"error": "Unauthorized"})
        return False

    def _say(self, status, body):
        self._raw(status, json.dumps(body).encode())

    def _raw(self, status, raw):
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _option(args, name):
    for place, word in enumerate(args):
        if word == name:
            return args[place + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


if __name__ == "__main__":
    engine = Engine(sys.argv[1:], os.environ)
    sys.stderr.write(LOG)
    sys.stderr.flush()
    engine.serve_forever()
