"""What the emulator was sent, kept on request: a test can look for secrets where they must not be."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_KEPT = 10_000
_LONGEST_BODY = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came, secrets and all. A body is kept up to 64 KiB.

    `at` is who was asked: `api`, or `engine` for the model server of an instance.
    """

    at: str
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: str


class Recorder:
    """The latest requests that either market and its model servers received, while it is on."""

    def __init__(self) -> None:
        self._kept: deque[Received] = deque(maxlen=MOST_KEPT)
        self.on = False

    def add(self, received: Received) -> None:
        """Keep one; the oldest goes when there are too many."""
        self._kept.append(received)

    def clear(self) -> None:
        """Forget them all."""
        self._kept.clear()

    def put_back(self, kept: Sequence[Received]) -> None:
        """Let these be the only ones."""
        self._kept = deque(kept, maxlen=MOST_KEPT)

    def kept(self) -> Sequence[Received]:
        """What was kept, oldest first."""
        return tuple(self._kept)


class Recorded:
    """An application whose requests are kept, except those for the emulator's own routes."""

    def __init__(self, app: ASGIApp, recorder: Recorder, at: str) -> None:
        self._app, self._recorder, self._at = app, recorder, at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole request, keep it, and let the application read it again."""
        if not self._recorder.on or scope["path"].startswith("/emulator/"):
            await self._app(scope, receive, send)
            return
        messages = await _whole(receive)
        self._recorder.add(self._received(scope, b"".join(each.get("body", b"") for each in messages)))

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)

    def _received(self, scope: Scope, body: bytes) -> Received:
        return Received(
            at=self._at,
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
            body=body[:_LONGEST_BODY].decode(errors="replace"),
        )


async def _whole(receive: Receive) -> list[Message]:
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages
