"""Clients of a gateway, as many at once as a test wants: whole answers over kept connections, and streams."""

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import dataclass, field

QUESTION = "Tell me something about GPUs."


@dataclass
class Crowd:
    """Asks until it is told to stop. `answers` counts them by kind, outcome and the model that answered.

    A stream counts as cut when it had begun and did not end with [DONE]; as failed when it never began.
    """

    port: int
    key: str
    answers: Counter = field(default_factory=Counter)
    stop: bool = False

    async def ask_at_once(self, clients):
        """So many clients, every other one streaming."""
        await asyncio.gather(*(self._client(streams=bool(number % 2)) for number in range(clients)))

    def count(self, **wanted):
        """Answers with these properties: kind, outcome."""
        return sum(n for each, n in self.answers.items() if wanted.items() <= dict(each).items())

    async def _client(self, *, streams):
        lines = None
        while not self.stop:
            try:
                lines = lines or await asyncio.open_connection("127.0.0.1", self.port)
                outcome, kept = await self._ask(*lines, streams=streams)
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                outcome, kept = f"failed: {type(error).__name__}", False
            self.answers[frozenset({"kind": "stream" if streams else "whole", "outcome": outcome}.items())] += 1
            if not kept and lines:
                await _hang_up(lines)
                lines = None
        if lines:
            await _hang_up(lines)

    async def _ask(self, reader, writer, *, streams):
        body = json.dumps({
            "model": "service", "stream": streams, "messages": [{"role": "user", "content": QUESTION}],
        }).encode()  # fmt: skip
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {self.key}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        status = head.split()[1]
        kept = "connection: close" not in head
        if "transfer-encoding: chunked" in head:
            said = await _chunks(reader)
        else:
            length = int(head.partition("content-length:")[2].split()[0])
            said = await reader.readexactly(length)
        if status != "200":
            return f"failed: {status}", kept
        if streams and not said.rstrip().endswith(b"[DONE]"):
            return "cut", False
        return "answered", kept


async def _hang_up(lines):
    lines[1].close()
    with contextlib.suppress(OSError):
        await lines[1].wait_closed()


async def _chunks(reader):
    """Everything up to the last chunk; what there was when the line broke."""
    said = b""
    try:
        while True:
            size = int(await reader.readline(), 16)
            said += (await reader.readexactly(size + 2))[:size]
            if size == 0:
                return said
    except (asyncio.IncompleteReadError, ValueError, OSError):
        return said + b"\n(broken off)"
