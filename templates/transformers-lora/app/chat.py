"""A loaded model that answers, one request at a time, piece by piece."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jinja2.exceptions import TemplateError
from transformers import StoppingCriteria, StoppingCriteriaList, TextIteratorStreamer

_SILENCE_S = 300


class BadRequestError(Exception):
    """What was asked cannot be answered: it is too long, or the model's template refuses it."""


class BusyError(Exception):
    """Others were first, and took too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Messages as OpenAI's API has them; `temperature` 0 always takes the likeliest token."""

    messages: tuple[dict[str, str], ...]
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of an answer: tokens read and written, and why it ended (`stop` or `length`)."""

    prompt_tokens: int
    completion_tokens: int
    finish_reason: str


class Chat:
    """The tokenizer's own chat template, the generation config's own end tokens."""

    def __init__(self, model: Any, tokenizer: Any, *, max_context: int | None, wait_s: float) -> None:  # noqa: ANN401
        self._model, self._tokenizer, self._wait_s = model, tokenizer, wait_s
        own = getattr(model.config, "max_position_embeddings", None)
        self._max_context = min(each for each in (max_context, own, 1 << 30) if each)
        self._turn = threading.Lock()

    def stream(self, ask: Ask) -> Iterator[str | End]:
        """Pieces of text, then an End. Raises BadRequestError and BusyError before the first piece."""
        prompt = self._prompt(ask.messages)
        read = prompt["input_ids"].shape[1]
        if read + ask.max_tokens > self._max_context:
            raise BadRequestError(
                f"{read} tokens of prompt and {ask.max_tokens} of answer are beyond the context of {self._max_context}"
            )
        with self._my_turn():
            yield from self._generated(prompt, read, ask)

    def _prompt(self, messages: tuple[dict[str, str], ...]) -> Any:  # noqa: ANN401
        try:
            return self._templated(messages)
        except TemplateError as error:
            merged = _without_system(messages)
            if merged == messages:
                raise BadRequestError(f"the model's chat template refuses these messages: {error}") from None
        try:
            return self._templated(merged)
        except TemplateError as error:
            raise BadRequestError(f"the model's chat template refuses these messages: {error}") from None

    def _templated(self, messages: tuple[dict[str, str], ...]) -> Any:  # noqa: ANN401
        prompt = self._tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        return {name: prompt[name].to(self._model.device) for name in ("input_ids", "attention_mask")}

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=self._wait_s):
            raise BusyError(f"no answer could be begun within {self._wait_s:g} s")
        try:
            yield
        finally:
            self._turn.release()

    def _generated(self, prompt: Any, read: int, ask: Ask) -> Iterator[str | End]:  # noqa: ANN401
        streamer = TextIteratorStreamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=_SILENCE_S)
        gone, outcome = threading.Event(), _Outcome()
        worker = threading.Thread(target=self._generate, args=(prompt, ask, streamer, gone, outcome), daemon=True)
        worker.start()
        try:
            yield from (piece for piece in streamer if piece)
        finally:
            gone.set()  # the client left, or all is said: either way nobody waits for more
            worker.join()
        if outcome.error:
            raise outcome.error
        written = outcome.length - read
        reason = "length" if written >= ask.max_tokens and not outcome.ended else "stop"
        yield End(prompt_tokens=read, completion_tokens=written, finish_reason=reason)

    def _generate(
        self,
        prompt: Any,  # noqa: ANN401
        ask: Ask,
        streamer: TextIteratorStreamer,
        gone: threading.Event,
        outcome: "_Outcome",
    ) -> None:
        drawn = {"do_sample": True, "temperature": ask.temperature, "top_p": ask.top_p}
        try:
            with torch.inference_mode():
                tokens = self._model.generate(
                    **prompt, **(drawn if ask.temperature > 0 else {"do_sample": False}), max_new_tokens=ask.max_tokens,
                    streamer=streamer, stopping_criteria=StoppingCriteriaList([_Gone(gone)]),
                    pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id,
                )[0]  # fmt: skip
            outcome.length, outcome.ended = len(tokens), int(tokens[-1]) in self._ends()
        except Exception as error:
            outcome.error = error
            streamer.on_finalized_text("", stream_end=True)

    def _ends(self) -> set[int]:
        found = self._model.generation_config.eos_token_id
        return set(found if isinstance(found, list) else [] if found is None else [found])


@dataclass(slots=True)
class _Outcome:
    length: int = 0
    ended: bool = False
    error: Exception | None = None


class _Gone(StoppingCriteria):
    """Stops when nobody reads any more."""

    def __init__(self, gone: threading.Event) -> None:
        self._gone = gone

    def __call__(self, input_ids: torch.LongTensor, scores: Any, **_: object) -> Any:  # noqa: ANN401, ARG002
        return torch.full((input_ids.shape[0],), self._gone.is_set(), device=input_ids.device)


def _without_system(messages: tuple[dict[str, str], ...]) -> tuple[dict[str, str], ...]:
    """The system's words put before the first user's, for templates that know no system (Mistral v0.2)."""
    if len(messages) < 2 or messages[0]["role"] != "system" or messages[1]["role"] != "user":
        return messages
    first = {"role": "user", "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
    return (first, *messages[2:])
