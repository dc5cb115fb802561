"""Whether an endpoint serves, asked the way a client would ask it. Calls the endpoint itself, never the provider."""

import time
from dataclasses import dataclass

import requests

from cloudgpu.base.errors import BadAnswerError, UnreachableError
from cloudgpu.base.secret import Secret
from cloudgpu.running.exchange import Incoming, at, exchange, json_of, kept_session
from cloudgpu.running.token_count import TokenCount
from cloudgpu.serving.launch import HealthCheck

SILENT = "silent"
"""The phase of what gave no answer, or none that is HTTP and JSON."""

_PROBE_S = 20.0
_WARM_UP_S = 120.0
_ANSWER_S = 300.0
_WARM_UP_TOKENS = 8
_SILENT_FOR_TOO_LONG = 524
"""RunPod's proxy stands behind Cloudflare, which answers so after 100 s without a first byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a probe found. `phase` is silent, opening, wrong_model, warming or ready; `detail` a few words on it.

    `took` are the tokens that the engine says the probe's question took of it; None: nothing was taken, or it does not
    say. `text` is all that it said; None when it said nothing, or was asked for something else than words.
    """

    ready: bool
    phase: str
    detail: str
    took: TokenCount | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model said, and how fast: seconds of real time to the first piece and to the end, tokens in the answer.

    `tokens` is the server's count, None when it does not tell.
    """

    text: str
    ttft_s: float
    total_s: float
    tokens: int | None


def probe(endpoint: str, api_key: Secret, health: HealthCheck) -> Health:
    """Ready means: the health path answers 200, the model is listed, and a completion of 8 tokens says something.

    Of a model that embeds a vector is asked instead.

    Never raises, whatever the endpoint does: one that does not answer yet, or answers nonsense, is silent. Takes 160 s
    of real time at most. All is asked over one connection: a way through a proxy is opened and encrypted once.
    """
    says = _embeds if health.asks == "embedding" else _says
    try:
        with kept_session(endpoint) as session:
            return (
                _health_path(endpoint, health, session)
                or _model_listed(endpoint, api_key, health, session)
                or says(endpoint, api_key, health, session=session)
            )
    except (OSError, ValueError) as error:  # every error of requests is an OSError
        return Health(ready=False, phase=SILENT, detail=_kind(error))


def reply(endpoint: str, api_key: Secret, health: HealthCheck, question: str, max_tokens: int) -> Health:
    """Ready means: it answers this question with something, which is `text`. Never raises; 120 s of real time at most.

    A model that embeds is asked for a vector, whatever the question.
    """
    try:
        if health.asks == "embedding":
            return _embeds(endpoint, api_key, health)
        return _says(endpoint, api_key, health, question, max_tokens)
    except (OSError, ValueError) as error:  # every error of requests is an OSError
        return Health(ready=False, phase=SILENT, detail=_kind(error))


def alive(endpoint: str, api_key: Secret, health: HealthCheck) -> Health:
    """Alive means: a completion of one token comes back, whatever the token. Never raises; 20 s of real time at most.

    Asked of an engine that serves already: it may be busy with others, and answers all the same.
    """
    sent = {"model": health.model_id, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    try:
        if health.asks == "embedding":
            return _embeds(endpoint, api_key, health, limit_s=_PROBE_S)
        status, body = exchange(
            "POST", f"{endpoint}/v1/chat/completions", limit_s=_PROBE_S, json=sent, headers=_bearer(api_key),
            read=_status_and_body,
        )  # fmt: skip
        answer = json_of(body) if status == 200 else None
        if at(answer, "choices", 0) is not None:
            return Health(ready=True, phase="ready", detail="", took=_took(answer))
        return Health(ready=False, phase=SILENT, detail=f"a completion of one token answers {status}")
    except (OSError, ValueError) as error:  # every error of requests is an OSError
        return Health(ready=False, phase=SILENT, detail=_kind(error))


def ask(endpoint: str, api_key: Secret, model_id: str, question: str, max_tokens: int = 128) -> Answer:
    """Ask a question and time the answer, streamed. Real seconds, whatever clock the provider keeps; 300 at most.

    Raises UnreachableError when nothing answers in time, BadAnswerError for anything but a completion.
    """
    body = {
        "model": model_id, "messages": [{"role": "user", "content": question}], "max_tokens": max_tokens,
        "temperature": 0, "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip
    began = time.perf_counter()
    try:
        return exchange(
            "POST", f"{endpoint}/v1/chat/completions", limit_s=_ANSWER_S, json=body, headers=_bearer(api_key),
            read=lambda incoming: _streamed(incoming, endpoint, began),
        )  # fmt: skip
    except OSError as error:  # every error of requests is one
        raise UnreachableError(
            f"{endpoint} did not answer: {_kind(error)}", hint="see what it prints: cloudgpu logs"
        ) from error
    except ValueError:
        raise BadAnswerError("the endpoint's stream cannot be read", hint="see: cloudgpu logs") from None


def _health_path(endpoint: str, health: HealthCheck, session: requests.Session) -> Health | None:
    status, _ = exchange("GET", f"{endpoint}{health.path}", limit_s=_PROBE_S, read=_status_and_body, session=session)
    if status == 200:
        return None
    return Health(ready=False, phase="opening", detail=f"{health.path} answers {status}")


def _model_listed(endpoint: str, api_key: Secret, health: HealthCheck, session: requests.Session) -> Health | None:
    status, body = exchange(
        "GET", f"{endpoint}/v1/models", limit_s=_PROBE_S, headers=_bearer(api_key), read=_status_and_body,
        session=session,
    )  # fmt: skip
    if status != 200:
        return Health(ready=False, phase="wrong_model", detail=f"/v1/models answers {status}")
    models = at(json_of(body), "data")
    listed = [str(at(model, "id")) for model in models] if isinstance(models, list) else []
    if health.model_id in listed:
        return None
    return Health(ready=False, phase="wrong_model", detail=f"serves {_shown(', '.join(listed), 200) or 'nothing'}")


def _says(
    endpoint: str,
    api_key: Secret,
    health: HealthCheck,
    question: str = "Say hello.",
    max_tokens: int = _WARM_UP_TOKENS,
    session: requests.Session | None = None,
) -> Health:
    sent = {
        "model": health.model_id, "messages": [{"role": "user", "content": question}],
        "max_tokens": max_tokens, "temperature": 0,
    }  # fmt: skip
    status, body = exchange(
        "POST", f"{endpoint}/v1/chat/completions", limit_s=_WARM_UP_S, json=sent, headers=_bearer(api_key),
        read=_status_and_body, session=session,
    )  # fmt: skip
    if status != 200:
        return Health(ready=False, phase="warming", detail=f"the first completion answers {status}")
    answer = json_of(body)
    said = _text(at(answer, "choices", 0, "message"))
    if not said:
        return Health(ready=False, phase="warming", detail="the first completion is empty", took=_took(answer))
    return Health(ready=True, phase="ready", detail=_shown(said, 60), took=_took(answer), text=said)


def _embeds(
    endpoint: str,
    api_key: Secret,
    health: HealthCheck,
    limit_s: float = _WARM_UP_S,
    session: requests.Session | None = None,
) -> Health:
    sent = {"model": health.model_id, "input": "Hello."}
    status, body = exchange(
        "POST", f"{endpoint}/v1/embeddings", limit_s=limit_s, json=sent, headers=_bearer(api_key),
        read=_status_and_body, session=session,
    )  # fmt: skip
    if status != 200:
        return Health(ready=False, phase="warming", detail=f"the first embedding answers {status}")
    answer = json_of(body)
    vector = at(answer, "data", 0, "embedding")
    if not isinstance(vector, list) or not vector:
        return Health(ready=False, phase="warming", detail="the first embedding is empty")
    return Health(ready=True, phase="ready", detail=f"{len(vector)} dimensions", took=_took(answer))


def _took(answer: object) -> TokenCount | None:
    """What the answer says that it was counted as.

    llama.cpp counts the tokens of a prompt that it did not have in its cache, and tells them as `timings`; all others
    count the whole prompt, which is their `usage`.
    """
    prompt = at(answer, "timings", "prompt_n")
    prompt = at(answer, "usage", "prompt_tokens") if prompt is None else prompt
    made = at(answer, "usage", "completion_tokens")
    made = 0 if made is None else made
    if not isinstance(prompt, int) or not isinstance(made, int) or min(prompt, made) < 0:
        return None
    return TokenCount(prompt=prompt, generation=made)


def _status_and_body(incoming: Incoming) -> tuple[int, bytes]:
    return incoming.status, incoming.body()


def _streamed(incoming: Incoming, endpoint: str, began: float) -> Answer:
    _refuse_error(incoming, endpoint)
    pieces: list[str] = []
    first: float | None = None
    tokens: int | None = None
    for line in incoming.lines():
        data = line.removeprefix(b"data:").strip()
        if not line.startswith(b"data:") or data == b"[DONE]":
            continue
        chunk = json_of(data)
        if not isinstance(at(chunk, "choices"), list):
            raise ValueError("a piece of the stream is no piece of a completion")
        piece = _text(at(chunk, "choices", 0, "delta"))
        if piece and first is None:
            first = time.perf_counter() - began
        pieces.append(piece)
        counted = at(chunk, "usage", "completion_tokens")
        tokens = counted if isinstance(counted, int) else tokens
    total_s = time.perf_counter() - began
    return Answer(text="".join(pieces), ttft_s=first if first is not None else total_s, total_s=total_s, tokens=tokens)


def _text(message: object) -> str:
    """Content, or the reasoning of a model that thinks first (`reasoning` of late, `reasoning_content` before)."""
    said = str(at(message, "content") or at(message, "reasoning") or at(message, "reasoning_content") or "")
    return said.encode("utf-8", "replace").decode()  # half a surrogate pair can be neither printed nor saved


def _shown(words: str, most: int) -> str:
    """The beginning of what a server says, without whatever would move a terminal."""
    return "".join(each if each.isprintable() else " " for each in words.strip()[:most])


def _refuse_error(incoming: Incoming, endpoint: str) -> None:
    if incoming.status == 200:
        return
    if incoming.status == _SILENT_FOR_TOO_LONG:
        raise BadAnswerError(
            f"{endpoint}: the proxy before it gave up, for it said nothing for 100 s",
            hint="ask for a stream or send a shorter prompt; CLOUDGPU_RUNPOD_PORT=tcp has no such limit",
        )
    words = _shown(incoming.body().decode("utf-8", "replace"), 200)
    raise BadAnswerError(
        f"{endpoint} answers {incoming.status} to a question: {words}",
        hint="the endpoint's key is in its address file; see what it prints: cloudgpu logs",
    )


def _bearer(api_key: Secret) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key.reveal()}"}


def _kind(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "nothing listens there" if "Connection refused" in str(error) else "the connection failed"
    return "an answer that cannot be read" if isinstance(error, ValueError) else type(error).__name__
