"""The three forms of a question and of what comes back, read by shape: nothing here trusts the other side."""

from dataclasses import dataclass, field
from typing import Any

from cloudgpu.moving.bench.endpoint import Endpoint, Form
from cloudgpu.moving.bench.question import Question
from cloudgpu.running.exchange import at

PATHS = {Form.CHAT: "/v1/chat/completions", Form.COMPLETIONS: "/v1/completions", Form.APP: "/chat"}

_APP_ANSWERS = ("response", "reply", "answer", "text", "content", "message", "output")


@dataclass(slots=True)
class Heard:
    """What an answer held so far."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    tool_calls: dict[int, str] = field(default_factory=dict)
    """The arguments of each call, as the text they came in."""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing was said."""
        return not (self.tool_calls or "".join(self.text).strip() or "".join(self.reasoning).strip())


def body_of(endpoint: Endpoint, question: Question, *, seed: int) -> dict[str, Any]:
    """What is sent: streamed, at temperature 0, with the usage asked for."""
    common = {
        "model": endpoint.model, "max_tokens": question.max_tokens, "temperature": 0, "seed": seed,
        "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip
    match endpoint.form:
        case Form.CHAT:
            system = [{"role": "system", "content": question.system}] if question.system else []
            tools = {"tools": list(question.tools)} if question.tools else {}
            return common | tools | {"messages": [*system, {"role": "user", "content": question.text}]}
        case Form.COMPLETIONS:
            return common | {"prompt": "\n\n".join(filter(None, (question.system, question.text)))}
        case Form.APP:
            system_prompt = {"system_prompt": question.system} if question.system else {}
            return {
                "message": question.text, "max_tokens": question.max_tokens, "temperature": 0, "stream": True,
                **system_prompt,
            }  # fmt: skip


def hear(heard: Heard, chunk: object) -> tuple[bool, bool]:
    """Take in one piece of a stream, or a whole answer: whether it said anything, and whether part was no reasoning."""
    _count(heard, chunk)
    choice = at(chunk, "choices", 0)
    reason = at(choice, "finish_reason") or at(chunk, "finish_reason")
    heard.finish_reason = str(reason) if reason else heard.finish_reason
    message = at(choice, "delta") or at(choice, "message")
    text = _said(at(message, "content")) or _said(at(choice, "text")) or _app_text(chunk)
    thought = _said(at(message, "reasoning")) or _said(at(message, "reasoning_content"))
    calls = at(message, "tool_calls")
    heard.text += [text] if text else []
    heard.reasoning += [thought] if thought else []
    if isinstance(calls, list):
        _take_calls(heard, calls)
    return bool(text or thought or calls), bool(text or calls)


def error_in(chunk: object) -> str | None:
    """What an error inside a stream says; None when the piece is none."""
    error = at(chunk, "error")
    return None if not error else _said(at(error, "message")) or _said(error) or "an error without words"


def _take_calls(heard: Heard, calls: list[object]) -> None:
    for position, call in enumerate(calls):
        index = _whole(at(call, "index"), position) or 0
        heard.tool_calls[index] = heard.tool_calls.get(index, "") + _said(at(call, "function", "arguments"))


def _count(heard: Heard, chunk: object) -> None:
    usage = at(chunk, "usage")
    heard.prompt_tokens = _whole(at(usage, "prompt_tokens"), heard.prompt_tokens)
    heard.output_tokens = _whole(at(usage, "completion_tokens"), heard.output_tokens)
    heard.reasoning_tokens = _whole(at(usage, "completion_tokens_details", "reasoning_tokens"), heard.reasoning_tokens)


def _whole(value: object, otherwise: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


def _said(value: object) -> str:
    """Text as such: half a surrogate pair can be neither printed nor saved."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _app_text(chunk: object) -> str:
    """An application's own answer; OpenAI's objects, which have choices, are none."""
    if at(chunk, "choices") is not None:
        return ""
    return next((said for name in _APP_ANSWERS if (said := _said(at(chunk, name)))), "")
