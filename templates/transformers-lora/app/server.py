"""The HTTP face: /health, /init, /chat, /evaluate and OpenAI's /v1."""

import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from app.bodies import ChatRequest, Completion, Evaluation, Message
from app.chat import Ask, BadRequestError, BusyError, Chat, End
from app.evaluation import holds
from app.limits import RateLimit
from app.loading import Loader
from app.settings import Settings

_OPEN = {"/health"}
_UNCOUNTED = {"/health", "/init", "/v1/models"}
_RETRY_S = "10"


class NotReadyError(Exception):
    """The model is not loaded yet."""


def make_app(settings: Settings) -> FastAPI:
    """The application; it begins to load at once."""
    app = FastAPI(title="transformers-lora", docs_url=None, redoc_url=None, openapi_url=None)
    loader = Loader(settings)
    loader.begin()
    _guard(app, settings)
    _errors(app)
    _state(app, settings, loader)
    _talk(app, settings, loader)
    return app


def _guard(app: FastAPI, settings: Settings) -> None:
    """The key on every path but /health, then the rate limit."""
    limit = RateLimit(settings.requests_per_minute)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.url.path in _OPEN:
            return await call_next(request)
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not secrets.compare_digest(given.encode(), settings.api_key.encode()):
            return _error(401, "the API key is missing or wrong")
        wait_s = 0.0 if request.url.path in _UNCOUNTED else limit.wait_s(request.client.host if request.client else "")
        if wait_s > 0:
            return _error(429, "too many requests in a minute", {"Retry-After": str(int(wait_s) + 1)})
        return await call_next(request)


def _errors(app: FastAPI) -> None:
    @app.exception_handler(NotReadyError)
    def not_ready(request: Request, error: NotReadyError) -> Response:  # noqa: ARG001
        return _error(503, "the model is loading; see /health", {"Retry-After": _RETRY_S})

    @app.exception_handler(BusyError)
    def busy(request: Request, error: BusyError) -> Response:  # noqa: ARG001
        return _error(503, str(error), {"Retry-After": _RETRY_S})

    @app.exception_handler(BadRequestError)
    def bad_request(request: Request, error: BadRequestError) -> Response:  # noqa: ARG001
        return _error(400, str(error))


def _state(app: FastAPI, settings: Settings, loader: Loader) -> None:
    @app.get("/health")
    def health() -> Response:
        status = loader.status()
        return JSONResponse(asdict(status), status_code=200 if status.status == "ready" else 503)

    @app.post("/init")
    def init() -> Response:
        loader.begin()
        status = loader.status()
        return JSONResponse(asdict(status), status_code=200 if status.status == "ready" else 202)

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        names = [settings.model, *([settings.adapter] if settings.adapter else [])]
        return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "you"} for name in names]}


def _talk(app: FastAPI, settings: Settings, loader: Loader) -> None:
    def chat() -> Chat:
        if loader.chat is None:
            raise NotReadyError
        return loader.chat

    @app.post("/chat")
    def talk(body: ChatRequest) -> Response:
        messages = [*_system(body.system), *body.history, Message(role="user", content=body.message)]
        pieces = _begun(chat(), _ask(messages, body.max_tokens or settings.max_new_tokens, body.temperature))
        if body.stream:
            return _events({"delta": each} if isinstance(each, str) else asdict(each) for each in pieces)
        text, end = _whole(pieces)
        return JSONResponse({"answer": text, **asdict(end)})

    @app.post("/evaluate")
    def evaluate(body: Evaluation) -> dict[str, Any]:
        rows = []
        for question in body.questions:
            messages = [*_system(question.system), Message(role="user", content=question.message)]
            text, end = _whole(_begun(chat(), _ask(messages, body.max_tokens or settings.max_new_tokens, 0.0)))
            failed = [f"{each.type} {each.value}" for each in question.checks if not holds(each, text)]
            passed = bool(text.strip()) and not failed
            rows.append({"message": question.message, "answer": text, "passed": passed, "failed": failed,
                         "completion_tokens": end.completion_tokens})  # fmt: skip
        return {"passed": sum(each["passed"] for each in rows), "of": len(rows), "results": rows}

    @app.post("/v1/chat/completions")
    def complete(body: Completion) -> Response:
        most = body.max_completion_tokens or body.max_tokens or settings.max_new_tokens
        pieces = _begun(chat(), _ask(body.messages, most, body.temperature, body.top_p))
        head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": settings.model}
        if body.stream:
            with_usage = body.stream_options is not None and body.stream_options.include_usage
            return _events(_chunks(pieces, head, with_usage=with_usage), last="[DONE]")
        text, end = _whole(pieces)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": end.finish_reason}
        return JSONResponse({**head, "object": "chat.completion", "choices": [choice], "usage": _usage(end)})


def _ask(messages: list[Message], max_tokens: int, temperature: float, top_p: float = 1.0) -> Ask:
    plain = tuple({"role": each.role, "content": each.content} for each in messages)
    return Ask(messages=plain, max_tokens=max_tokens, temperature=temperature, top_p=top_p)


def _system(text: str | None) -> list[Message]:
    return [Message(role="system", content=text)] if text else []


def _begun(chat: Chat, ask: Ask) -> Iterator[str | End]:
    """The answer with its first piece drawn, so that what is wrong is a status and no broken stream."""
    pieces = chat.stream(ask)
    first = next(pieces)

    def all_of_them() -> Iterator[str | End]:
        try:
            yield first
            yield from pieces
        finally:
            pieces.close()

    return all_of_them()


def _whole(pieces: Iterator[str | End]) -> tuple[str, End]:
    *texts, end = pieces
    assert isinstance(end, End)
    return "".join(each for each in texts if isinstance(each, str)), end


def _chunks(pieces: Iterator[str | End], head: dict[str, Any], *, with_usage: bool) -> Iterator[dict[str, Any]]:
    head = {**head, "object": "chat.completion.chunk"}
    role: dict[str, str] = {"role": "assistant"}
    for each in pieces:
        delta = {**role, "content": each} if isinstance(each, str) else {}
        role = {}
        reason = each.finish_reason if isinstance(each, End) else None
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        if isinstance(each, End) and with_usage:
            yield {**head, "choices": [], "usage": _usage(each)}


def _usage(end: End) -> dict[str, int]:
    counted = {"prompt_tokens": end.prompt_tokens, "completion_tokens": end.completion_tokens}
    return {**counted, "total_tokens": end.prompt_tokens + end.completion_tokens}


def _events(rows: Iterator[dict[str, Any]], last: str | None = None) -> StreamingResponse:
    def lines() -> Iterator[str]:
        for row in rows:
            yield f"data: {json.dumps(row)}\n\n"
        if last:
            yield f"data: {last}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "code": status}}, status_code=status, headers=headers)
