"""/v1/chat/completions and /v1/completions, whole and streamed, with usage."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from cloudgpu.emulator.model_server.answers import answer
from cloudgpu.emulator.model_server.tokens import tokens

_DEFAULT_COMPLETION_TOKENS = 16
_PREFILL_SHARE = 40
_STEP_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class _Generation:
    """One answer, worked out before its first token is sent."""

    chat: bool
    model: str
    request_id: str
    created_s: int
    prompt_tokens: int
    pieces: tuple[str, ...]
    finish_reason: str

    @property
    def usage(self) -> dict[str, int]:
        made = len(self.pieces)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": made,
            "total_tokens": self.prompt_tokens + made,
        }


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
    except _RefusedError as refused:
        return _error(refused.status, refused.kind, str(refused))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return _error(400, "BadRequestError", f"invalid request: {error}")
    if body.get("stream"):
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        events = _events(spec, generation, with_usage=with_usage)
        return StreamingResponse(events, media_type="text/event-stream")
    async for _ in _paced(spec, generation):
        pass
    return JSONResponse(_whole(generation))


class _RefusedError(Exception):
    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


def _generation(spec: Any, body: dict[str, Any], *, chat: bool) -> _Generation:  # noqa: ANN401 - ModelServerSpec, which imports this file
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
    pieces = tokens(answer(model if model in spec.adapters else spec.model, question))
    digest = sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]
    return _Generation(
        chat=chat,
        model=model,
        request_id=f"{'chatcmpl' if chat else 'cmpl'}-{digest}",
        created_s=spec.created_s,
        prompt_tokens=prompt_tokens,
        pieces=tuple(pieces[:limit]),
        finish_reason="length" if len(pieces) > limit else "stop",
    )


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


async def _paced(spec: Any, generation: _Generation) -> AsyncIterator[str]:  # noqa: ANN401 - as above
    """The pieces, in the time that this card would take, measured on the market's clock."""
    counters = spec.counters
    counters.running += 1
    prefill_s = _STEP_S + generation.prompt_tokens / (spec.decode_tokens_per_s * _PREFILL_SHARE)
    token_s = 1 / spec.decode_tokens_per_s
    try:
        await asyncio.sleep(prefill_s * spec.real_s_per_s)
        for piece in generation.pieces:
            await asyncio.sleep(token_s * spec.real_s_per_s)
            counters.generation_tokens += 1
            yield piece
        counters.finished[generation.finish_reason] += 1
        counters.prompt_tokens += generation.prompt_tokens
        counters.ttft_s += prefill_s
        counters.e2e_s += prefill_s + token_s * len(generation.pieces)
    finally:
        counters.running -= 1


async def _events(spec: Any, generation: _Generation, *, with_usage: bool) -> AsyncIterator[str]:  # noqa: ANN401 - as above
    if generation.chat:
        yield _event(_chunk(generation, {"role": "assistant", "content": ""}, None))
    async for piece in _paced(spec, generation):
        yield _event(_chunk(generation, {"content": piece}, None))
    yield _event(_chunk(generation, {}, generation.finish_reason))
    if with_usage:
        yield _event({**_head(generation, streamed=True), "choices": [], "usage": generation.usage})
    yield "data: [DONE]\n\n"


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _chunk(generation: _Generation, delta: dict[str, str], finish_reason: str | None) -> dict[str, Any]:
    content = {"delta": delta} if generation.chat else {"text": delta.get("content", "")}
    choice = {"index": 0, **content, "logprobs": None, "finish_reason": finish_reason}
    return {**_head(generation, streamed=True), "choices": [choice]}


def _whole(generation: _Generation) -> dict[str, Any]:
    text = "".join(generation.pieces)
    content: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if generation.chat else {"text": text}
    choice = {"index": 0, **content, "logprobs": None, "finish_reason": generation.finish_reason}
    return {**_head(generation, streamed=False), "choices": [choice], "usage": generation.usage}


def _head(generation: _Generation, *, streamed: bool) -> dict[str, Any]:
    kind = ("chat.completion.chunk" if streamed else "chat.completion") if generation.chat else "text_completion"
    return {
        "id": generation.request_id,
        "object": kind,
        "created": generation.created_s,
        "model": generation.model,
    }


def _error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": status}}, status)
