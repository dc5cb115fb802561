"""/v1/chat/completions and /v1/completions, whole and streamed, with usage."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cloudgpu.emulator.loopback.loop_server import HungUp
from cloudgpu.emulator.model_server.answers import answer
from cloudgpu.emulator.model_server.generation import Generation
from cloudgpu.emulator.model_server.pace import Pace, in_time
from cloudgpu.emulator.model_server.tokens import tokens
from cloudgpu.emulator.model_server.trouble import (
    REFUSALS,
    EngineDiedError,
    StreamedAnswer,
    cut_after,
    refused,
    troubled,
)

_DEFAULT_COMPLETION_TOKENS = 16


async def chat_completions(request: Request) -> Response:
    """POST /v1/chat/completions."""
    return await _complete(request, chat=True)


async def completions(request: Request) -> Response:
    """POST /v1/completions."""
    return await _complete(request, chat=False)


async def _complete(request: Request, *, chat: bool) -> Response:
    spec = request.app.state.spec
    try:
        body = json.loads(await request.body())
        generation = _generation(spec, body, chat=chat)
    except _RefusedError as refusal:
        return _error(refusal.status, refusal.kind, str(refusal))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return _error(400, "BadRequestError", f"invalid request: {error}")
    fault = spec.trouble("engine")
    if fault is not None and fault.do in REFUSALS:
        return await refused(fault)
    generation, pace = troubled(generation, spec.pace, fault)
    made = _paced(spec, generation, pace, cut_after(fault))
    if body.get("stream"):
        options = body.get("stream_options") or {}
        return StreamedAnswer(_events(generation, made, options), media_type="text/event-stream", died=spec.died)
    try:
        async for _ in made:
            pass
    except EngineDiedError:
        spec.died()
        return HungUp()
    return JSONResponse(_whole(generation))


class _RefusedError(Exception):
    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


def _generation(spec: Any, body: dict[str, Any], *, chat: bool) -> Generation:  # noqa: ANN401 - ModelServerSpec, which imports this file
    model = str(body.get("model") or spec.names[0])
    if model not in (*spec.names, *spec.adapters):
        raise _RefusedError(404, "NotFoundError", f"The model `{model}` does not exist.")
    question, prompt = _question(body["messages"]) if chat else (str(body["prompt"]), str(body["prompt"]))
    prompt_tokens = len(tokens(prompt)) + 4
    room = spec.max_model_len - prompt_tokens
    if room <= 0:
        text = f"This model's maximum context length is {spec.max_model_len} tokens, your request has {prompt_tokens}."
        raise _RefusedError(400, "BadRequestError", text)
    asked = (
        body.get("max_completion_tokens") or body.get("max_tokens") or (None if chat else _DEFAULT_COMPLETION_TOKENS)
    )
    limit = min(room, int(asked)) if asked else room
    pieces = _as_long_as_asked(tokens(answer(model if model in spec.adapters else spec.model, question)), body, limit)
    digest = sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]
    return Generation(
        chat=chat,
        model=model,
        request_id=f"{'chatcmpl' if chat else 'cmpl'}-{digest}",
        created_s=spec.created_s,
        prompt_tokens=prompt_tokens,
        pieces=tuple(pieces[:limit]),
        finish_reason="length" if len(pieces) > limit else "stop",
    )


def _as_long_as_asked(pieces: list[str], body: Mapping[str, Any], limit: int) -> list[str]:
    """The answer again and again where the caller wants no end of it (`ignore_eos`, `min_tokens`: benches do)."""
    least = limit + 1 if body.get("ignore_eos") else min(limit, int(body.get("min_tokens") or 0))
    rounds = max(1, -(-least // len(pieces)))
    return pieces if rounds == 1 else (pieces * rounds)[:least]


def _question(messages: Sequence[dict[str, Any]]) -> tuple[str, str]:
    if not messages:
        raise ValueError("messages is empty")
    texts = [_text(message["content"]) for message in messages]
    asked = [text for message, text in zip(messages, texts, strict=True) if message.get("role") == "user"]
    return (asked or texts)[-1], "\n".join(texts)


def _text(content: object) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


async def _paced(spec: Any, generation: Generation, pace: Pace, cut: int | None) -> AsyncIterator[str]:  # noqa: ANN401 - as above
    """The pieces, each when it is due; counts them as vLLM counts. Raises EngineDiedError after piece `cut`."""
    counters = spec.counters
    counters.running += 1
    prompt_tokens = generation.prompt_tokens
    try:
        index = 0
        async for piece in in_time(generation.pieces, pace, prompt_tokens):
            if index == cut:
                raise EngineDiedError
            counters.generation_tokens += 1
            yield piece
            index += 1
        counters.finished[generation.finish_reason] += 1
        counters.prompt_tokens += prompt_tokens
        counters.ttft.add(pace.due_s(prompt_tokens, 0))
        counters.e2e_s += pace.due_s(prompt_tokens, max(0, index - 1))
    finally:
        counters.running -= 1


async def _events(generation: Generation, made: AsyncIterator[str], options: Mapping[str, Any]) -> AsyncIterator[str]:
    """The stream: one event a token, then the reason of the end, then the usage when it was asked for."""
    always = bool(options.get("continuous_usage_stats"))
    if generation.chat:
        yield _event(_chunk(generation, {"role": "assistant", "content": ""}, None))
    count = 0
    async for piece in made:
        count += 1
        so_far = {"usage": _usage(generation, count)} if always else {}
        yield _event({**_chunk(generation, {"content": piece}, None), **so_far})
    yield _event(_chunk(generation, {}, generation.finish_reason))
    if options.get("include_usage") or always:
        yield _event({**_head(generation, streamed=True), "choices": [], "usage": _usage(generation, count)})
    yield "data: [DONE]\n\n"


def _usage(generation: Generation, made: int) -> dict[str, int]:
    read = generation.prompt_tokens
    return {"prompt_tokens": read, "completion_tokens": made, "total_tokens": read + made}


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _chunk(generation: Generation, delta: dict[str, str], finish_reason: str | None) -> dict[str, Any]:
    content = {"delta": delta} if generation.chat else {"text": delta.get("content", "")}
    choice = {"index": 0, **content, "logprobs": None, "finish_reason": finish_reason}
    return {**_head(generation, streamed=True), "choices": [choice]}


def _whole(generation: Generation) -> dict[str, Any]:
    text = "".join(generation.pieces)
    content: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if generation.chat else {"text": text}
    choice = {"index": 0, **content, "logprobs": None, "finish_reason": generation.finish_reason}
    return {
        **_head(generation, streamed=False),
        "choices": [choice],
        "usage": _usage(generation, len(generation.pieces)),
    }


def _head(generation: Generation, *, streamed: bool) -> dict[str, Any]:
    kind = ("chat.completion.chunk" if streamed else "chat.completion") if generation.chat else "text_completion"
    return {
        "id": generation.request_id,
        "object": kind,
        "created": generation.created_s,
        "model": generation.model,
    }


def _error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": status}}, status)
