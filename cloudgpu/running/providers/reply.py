"""What a provider answers, and which error an answer means before the provider's own words are looked at."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cloudgpu.base.errors import BadAnswerError, CloudgpuError, RateLimitedError, UnreachableError
from cloudgpu.running.providers.limits import retry_after_s, used_up_s, windows_of
from cloudgpu.running.providers.words import words

_TOO_MANY = 429
_NO_CONTENT = 204
_THRESHOLD = re.compile(r"threshold\s*=\s*(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came: status, headers, the body as JSON (None when it is none), and the body as text."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str


Explain = Callable[[Reply], CloudgpuError]


class ServerTroubleError(UnreachableError):
    """The provider's server answers with 5xx: what was asked may or may not have happened."""


class Throttled(RateLimitedError):  # noqa: N818  (a kind of RateLimitedError, which carries the suffix)
    """A 429, with the seconds it asks for; None when it names none."""

    def __init__(self, message: str, *, wait_s: float | None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s


def reply_of(status: int, headers: Mapping[str, str], text: str) -> Reply:
    """The reply that holds this text."""
    return Reply(status, headers, _json(text), text)


def checked(reply: Reply, explain: Explain, host: str, variable: str) -> Reply:
    """The reply, when it is a good one of JSON. `explain` makes the error of a 4xx; `variable` holds the address.

    Raises also Throttled, RateLimitedError, ServerTroubleError and BadAnswerError (a redirect, something else than
    JSON).
    """
    if reply.status == _TOO_MANY:
        raise _throttled(host, reply)
    if reply.status >= 500:
        raise ServerTroubleError(
            f"{host} answers {reply.status}", hint="its servers are in trouble: try again in a minute"
        )
    if 300 <= reply.status < 400:
        place = reply.headers.get("Location", "elsewhere").partition("?")[0]
        raise BadAnswerError(
            f"{host} redirects to {words(place, 80)}",
            hint=f"check the address ({variable})",
        )
    if reply.status >= 400:
        raise explain(reply)
    if reply.body is None and reply.status != _NO_CONTENT:
        raise BadAnswerError(
            f"{host} answers something that is no JSON: {words(reply.text, 80)!r}",
            hint=f"check the address ({variable}), and whether the service is up",
        )
    return reply


def _throttled(host: str, reply: Reply) -> CloudgpuError:
    """429: text with a threshold or JSON with a detail (Vast), headers (RunPod), a daily quota that no wait cures."""
    error = reply.body.get("error") if isinstance(reply.body, dict) else None
    if error == "search_quota_exceeded":
        stated = reply.headers.get("X-RateLimit-Reset", "").strip()
        reset = "midnight UTC" if not stated or stated.isdigit() else stated
        return RateLimitedError(
            f"the provider's daily search quota is used up until {reset}",
            hint="plan on reference prices: cloudgpu plan MODEL --offline; or on a file: --offers FILE",
        )
    found = _THRESHOLD.search(reply.text)
    asked = (
        retry_after_s(reply.headers),
        float(found[1]) if found else None,
        used_up_s(windows_of(reply.headers)),
    )
    wait_s = next((each for each in asked if each is not None), None)
    return Throttled(f"{host} says that we ask too often", wait_s=wait_s, hint="try again in a minute")


def _json(text: str) -> Any:  # noqa: ANN401  (whatever came)
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):  # a number beyond Decimal, or lists without end
        return None
