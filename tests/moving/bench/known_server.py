"""A server that sends each token at a known moment, and can be told to misbehave. For tests of the bench."""

import asyncio
import json
import threading
import time
from dataclasses import dataclass, field

from cloudgpu.base.secret import Secret
from cloudgpu.moving.bench.endpoint import Endpoint, Form

KEY = "secret-of-the-test"


@dataclass(slots=True)
class KnownServer:
    """Says `tokens` words: the first after `ttft_s`, the others every `gap_s`. `mood` is what is wrong with it.

    `sent` keeps for each answer when the request came and when each token was handed to the system, by the clock that
    the client reads too: a machine under load is late itself, and the client must not be blamed for that.
    """

    ttft_s: float = 0.0
    gap_s: float = 0.0
    tokens: int = 5
    mood: str = ""
    fail_after: int = 10**9
    reasoning: int = 0
    sent: list[list[float]] = field(default_factory=list)
    asked: list[dict] = field(default_factory=list)
    port: int = 0
    connections: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None
    _server: asyncio.Server | None = None

    def __enter__(self) -> "KnownServer":
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(120)
        return self

    def __exit__(self, *_) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(120)

    def endpoint(self, form: Form = Form.CHAT, **changes) -> Endpoint:
        values = {"name": "known", "model": "m", "api_key": Secret(KEY), "form": form} | changes
        return Endpoint(url=f"http://127.0.0.1:{self.port}", **values)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=200))
        self.port = self._server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        self._server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._one(reader, writer):
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader, writer) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        came = time.perf_counter()
        lines = head.split("\r\n")
        fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        method, path, _ = lines[0].split()
        if method != "POST":
            writer.write(_whole(200, {"data": [{"id": "m"}]}, with_body=method != "HEAD"))
            return True
        self.asked.append(json.loads(body) | {"path": path})
        if fields.get("authorization") != f"Bearer {KEY}":
            writer.write(_whole(401, {"error": "Unauthorized"}))
            return True
        if len(self.asked) > self.fail_after:
            self._server.close()  # nothing listens from now on
            return False
        return await self._answer(writer, path, came)

    async def _answer(self, writer, path: str, came: float) -> bool:
        whole = not self.asked[-1].get("stream")
        usage = {"prompt_tokens": 7, "completion_tokens": self.tokens + self.reasoning}
        match "never streams" if whole and not self.mood else self.mood:
            case "never streams":
                message = {"message": {"content": "word " * self.tokens}, "finish_reason": "stop"}
                writer.write(_whole(200, {"choices": [message], "usage": usage}))
                return True
            case "app":
                writer.write(_whole(200, {"response": "a plain answer"}))
                return True
            case "500" | "503" | "404" | "400":
                writer.write(_whole(int(self.mood), {"error": {"message": f"status {self.mood} it is"}}))
                return True
            case "hangs":
                await asyncio.sleep(3600)
            case "garbage":
                writer.write(_head() + _chunk(b"data: {not json\n\n") + b"0\r\n\r\n")
                return True
        return await self._stream(writer, path, came, usage)

    async def _stream(self, writer, path: str, came: float, usage: dict) -> bool:
        writer.write(_head())
        stamps = [came]
        for index in range(self.reasoning + self.tokens):
            wait_s = came + self.ttft_s + index * self.gap_s - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            writer.write(_event(_delta(path, index < self.reasoning)))
            stamps.append(time.perf_counter())
            if self.mood == "dies" and index == 1:
                writer.transport.abort()
                return False
            if self.mood == "error inside" and index == 1:
                writer.write(_event({"error": {"message": "the engine is gone"}}) + b"0\r\n\r\n")
                return True
        self.sent.append(stamps)
        last = {"choices": [{"delta": {}, "text": "", "finish_reason": "stop"}]}
        counts = b"" if self.mood == "counts nothing" else _event({"choices": [], "usage": usage})
        writer.write((b"" if path == "/chat" else _event(last) + counts) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        return True


def _delta(path: str, thinks: bool) -> dict:
    if path == "/chat":
        return {"response": "word "}
    if thinks:
        return {"choices": [{"delta": {"reasoning_content": "hm "}}]}
    return {"choices": [{"text": "word "} if path == "/v1/completions" else {"delta": {"content": "word "}}]}


def _head() -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _event(value: dict) -> bytes:
    return _chunk(b"data: " + json.dumps(value).encode() + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _whole(status: int, value: object, *, with_body: bool = True) -> bytes:
    body = json.dumps(value).encode() if with_body else b""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
