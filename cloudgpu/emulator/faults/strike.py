"""How a fault on a call happens, whichever market's API it sits on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from cloudgpu.emulator.faults.fault import Fault
from cloudgpu.emulator.faults.kinds import AFTER
from cloudgpu.emulator.loopback.loop_server import HungUp
from cloudgpu.emulator.standing_clock import StandingClock

Proceed = Callable[[Request], Awaitable[Response]]
Answers = Mapping[str, Callable[[], Response]]
"""What a market answers for each fault that needs an answer."""

_MEGABYTE = b"x" * 1_000_000
_NO_ANSWER = ("timeout", "close", "drop", "huge")


async def strike(request: Request, proceed: Proceed, fault: Fault, answers: Answers) -> Response:
    """Let the fault happen to this request: made up before, or replaced, cut short or delayed after its effect."""
    if fault.do not in AFTER and (fault.do in answers or fault.do in _NO_ANSWER):
        return await _made_up(request, fault, fault.do, answers)
    answer = await proceed(request)
    if fault.do not in AFTER:
        return answer
    if fault.do == "slow":
        await _held_back(request, fault.seconds)
        return answer
    if fault.do == "truncated":
        return await _truncated(answer)
    return await _made_up(request, fault, fault.do.removesuffix("_after_effect"), answers)


async def _made_up(request: Request, fault: Fault, what: str, answers: Answers) -> Response:
    await request.body()  # what is not read is answered by the system itself, with a reset
    if what == "timeout":
        await _held_back(request, fault.seconds)
        return HungUp()
    if what == "drop":
        return HungUp()
    if what == "close":
        return _BrokenOff()
    if what == "huge":
        return StreamingResponse(_endless(fault.megabytes), media_type="application/json")
    return answers[what]()


async def _endless(megabytes: int) -> AsyncIterator[bytes]:
    """A list whose first element is a text that goes on and on, and never ends."""
    yield b'["'
    for _ in range(megabytes):
        yield _MEGABYTE


async def _held_back(request: Request, seconds: float) -> None:
    """Real seconds; on a clock that stands they pass at once, for everybody."""
    clock = request.app.state.markets.vast.clock
    if isinstance(clock, StandingClock):
        clock.sleep(seconds)
    else:
        await asyncio.sleep(seconds)


async def _truncated(answer: Response) -> Response:
    body = b"".join([piece async for piece in _told(answer)])
    return Response(body[: len(body) // 2], answer.status_code, media_type=answer.headers.get("content-type"))


async def _told(answer: Response) -> AsyncIterator[bytes]:
    """The body; of a stream, which has no end, what it tells before its first heartbeat."""
    if not hasattr(answer, "body_iterator"):
        yield bytes(answer.body)
        return
    streams = answer.headers.get("content-type", "").startswith("text/event-stream")
    async for piece in answer.body_iterator:
        if streams and piece.startswith(b":"):
            return
        yield bytes(piece)


class _BrokenOff(Response):
    """A connection that ends in the middle of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4096")]})
        await send({"type": "http.response.body", "body": b'{"success"', "more_body": True})
