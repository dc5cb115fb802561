"""Whether an endpoint serves, asked the way a client would ask it. Calls the endpoint itself, never the provider."""

import time
from dataclasses import dataclass
from typing import Any

import requests

from cloudgpu.base.errors import BadAnswerError, UnreachableError
from cloudgpu.base.secret import Secret
from cloudgpu.serving.launch import HealthCheck

_CONNECT_S = 5.0
_PROBE_S = 20.0
_WARM_UP_S = 120.0
_WARM_UP_TOKENS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a probe found. `phase` is silent, opening, wrong_model, warming or ready; `detail` a few words on it."""

    ready: bool
    phase: str
    detail: str


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

    Never raises for an endpoint that does not answer yet.
    """
    try:
        return (
            _health_path(endpoint, health)
            or _model_listed(endpoint, api_key, health)
            or _says(endpoint, api_key, health)
        )
    except (requests.RequestException, ValueError) as error:
        return Health(ready=False, phase="silent", detail=_kind(error))


def ask(endpoint: str, api_key: Secret, model_id: str, question: str, max_tokens: int = 128) -> Answer:
    """Ask a question and time the answer, streamed. Real seconds, whatever clock the provider keeps.

    Raises UnreachableError when nothing answers, BadAnswerError for anything but a completion.
    """
    body = {
        "model": model_id, "messages": [{"role": "user", "content": question}], "max_tokens": max_tokens,
        "temperature": 0, "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip
    began = time.perf_counter()
    try:
        with _session(endpoint) as session, session.post(
            f"{endpoint}/v1/chat/completions", json=body, headers=_bearer(api_key), stream=True,
            timeout=(_CONNECT_S, _WARM_UP_S),
        ) as response:  # fmt: skip
            _refuse_error(response, endpoint)
            return _streamed(response, began)
    except (requests.RequestException, OSError) as error:
        raise UnreachableError(
            f"{endpoint} did not answer: {_kind(error)}", hint="see what it prints: cloudgpu logs"
        ) from error


def _health_path(endpoint: str, health: HealthCheck) -> Health | None:
    with _session(endpoint) as session:
        response = session.get(f"{endpoint}{health.path}", timeout=(_CONNECT_S, _PROBE_S))
    if response.status_code == 200:
        return None
    return Health(ready=False, phase="opening", detail=f"{health.path} answers {response.status_code}")


def _model_listed(endpoint: str, api_key: Secret, health: HealthCheck) -> Health | None:
    with _session(endpoint) as session:
        response = session.get(f"{endpoint}/v1/models", headers=_bearer(api_key), timeout=(_CONNECT_S, _PROBE_S))
    if response.status_code != 200:
        return Health(ready=False, phase="wrong_model", detail=f"/v1/models answers {response.status_code}")
    listed = [str(model.get("id")) for model in response.json().get("data", [])]
    if health.model_id in listed:
        return None
    return Health(ready=False, phase="wrong_model", detail=f"serves {', '.join(listed) or 'nothing'}")


def _says(endpoint: str, api_key: Secret, health: HealthCheck) -> Health:
    body = {
        "model": health.model_id, "messages": [{"role": "user", "content": "Say hello."}],
        "max_tokens": _WARM_UP_TOKENS, "temperature": 0,
    }  # fmt: skip
    with _session(endpoint) as session:
        response = session.post(
            f"{endpoint}/v1/chat/completions", json=body, headers=_bearer(api_key), timeout=(_CONNECT_S, _WARM_UP_S)
        )
    if response.status_code != 200:
        return Health(ready=False, phase="warming", detail=f"the first completion answers {response.status_code}")
    said = _message_text(response.json())
    if not said:
        return Health(ready=False, phase="warming", detail="the first completion is empty")
    return Health(ready=True, phase="ready", detail=said.strip()[:60])


def _message_text(body: dict[str, Any]) -> str:
    """Content, or the reasoning of a model that thinks first (`reasoning` of late, `reasoning_content` before)."""
    choices = body.get("choices") or [{}]
    message = choices[0].get("message") or {}
    return str(message.get("content") or message.get("reasoning") or message.get("reasoning_content") or "")


def _streamed(response: requests.Response, began: float) -> Answer:
    import json  # beside its one use

    pieces: list[str] = []
    first: float | None = None
    tokens: int | None = None
    for line in response.iter_lines(decode_unicode=False):
        data = line.removeprefix(b"data:").strip()
        if not line.startswith(b"data:") or data == b"[DONE]":
            continue
        try:
            chunk = json.loads(data)
        except ValueError:
            raise BadAnswerError("the endpoint's stream cannot be read", hint="see: cloudgpu logs") from None
        piece = _delta_text(chunk)
        if piece and first is None:
            first = time.perf_counter() - began
        pieces.append(piece)
        tokens = (chunk.get("usage") or {}).get("completion_tokens", tokens)
    total_s = time.perf_counter() - began
    return Answer(text="".join(pieces), ttft_s=first if first is not None else total_s, total_s=total_s, tokens=tokens)


def _delta_text(chunk: dict[str, Any]) -> str:
    delta = ((chunk.get("choices") or [{}])[0].get("delta")) or {}
    return str(delta.get("content") or delta.get("reasoning") or delta.get("reasoning_content") or "")


def _refuse_error(response: requests.Response, endpoint: str) -> None:
    if response.status_code == 200:
        return
    words = response.text.strip().replace("\n", " ")[:200]
    raise BadAnswerError(
        f"{endpoint} answers {response.status_code} to a question: {words}",
        hint="the endpoint's key is in its address file; see what it prints: cloudgpu logs",
    )


def _session(endpoint: str) -> requests.Session:
    session = requests.Session()
    if endpoint.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]")):
        session.trust_env = False  # a proxy for the outside world must not be asked for loopback
    return session


def _bearer(api_key: Secret) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key.reveal()}"}


def _kind(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "nothing listens yet"
    return "an answer that cannot be read" if isinstance(error, ValueError) else type(error).__name__
