"""What can be wrong with an engine that serves: slow, garbage, errors, no answer, death in the middle of an answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from cloudgpu.emulator.faults.fault import Fault
from cloudgpu.emulator.loopback.loop_server import HungUp
from cloudgpu.emulator.model_server.generation import Generation
from cloudgpu.emulator.model_server.pace import Pace, known_pace

REFUSALS = frozenset({"500", "503", "timeout"})
"""Faults that answer instead of the engine."""

_GARBAGE = "!"
"""What broken weights or a wrong quantisation make of every answer: one token for ever."""


class EngineDiedError(Exception):
    """The engine is gone in the middle of an answer."""


async def refused(fault: Fault) -> Response:
    """What stands for an answer: an error, or after `seconds` of real time nothing at all."""
    if fault.do == "timeout":
        await asyncio.sleep(fault.seconds)
        return HungUp()
    said = {"message": "EngineCore encountered an issue.", "type": "InternalServerError", "code": int(fault.do)}
    return JSONResponse({"error": said}, int(fault.do))


def troubled(generation: Generation, pace: Pace, fault: Fault | None) -> tuple[Generation, Pace]:
    """The answer and the pace under a fault: as they are without one."""
    if fault is None:
        return generation, pace
    if fault.do == "garbage":
        return replace(generation, pieces=(_GARBAGE,) * len(generation.pieces)), pace
    if fault.do == "slow":
        return generation, replace(pace, real_s_per_s=pace.real_s_per_s * float(fault.factor))
    if fault.do == "pace":
        return generation, known_pace(fault.ttft_s, fault.tokens_per_s)
    return generation, pace


def cut_after(fault: Fault | None) -> int | None:
    """After how many tokens the engine dies; None when it lives."""
    return fault.tokens if fault is not None and fault.do == "dies_mid_stream" else None


class StreamedAnswer(StreamingResponse):
    """A stream whose connection ends without another byte when the engine dies; `died` is told then."""

    def __init__(self, content: AsyncIterator[str], *, media_type: str, died: Callable[[], None]) -> None:
        super().__init__(content, media_type=media_type)
        self._died = died

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what there is, as it comes; a client that leaves ends the stream."""
        try:
            await super().__call__(scope, receive, send)
        except EngineDiedError:
            self._died()
            await HungUp()(scope, receive, send)
