"""RunPod's errors, in ours: by status, and by the prose of a 400, which says in words alone that nothing is free."""

import re
from typing import Any

from cloudgpu.base.errors import (
    BadAnswerError,
    CloudgpuError,
    CreateRefusedError,
    InvalidRequestError,
    NoCreditError,
    NotAuthorisedError,
    OfferGoneError,
    RefusedKeyError,
)
from cloudgpu.running.providers.reply import Reply
from cloudgpu.running.providers.words import words


class TooLittleMoneyError(NoCreditError):
    """A 402: the prepaid money does not last for an hour of this."""


class NoPodError(BadAnswerError):
    """An answer that knows no such thing; by itself no proof that there is none."""


_CAPACITY = re.compile(
    r"no longer any instances|no instances|not enough free gpus|no (?:available )?(?:capacity|machines|gpus)"
    r"|insufficient (?:resources|capacity)|out of stock|not available|unavailable|could not find",
    re.I,
)
_SPEND_CAP = re.compile(r"spend(?:ing)? (?:limit|cap)", re.I)
"""Accounts may spend so many dollars an hour, 80 unless RunPod allows more; it is looked at when a pod starts."""

_KEYS_URL = "https://console.runpod.io/user/settings"


def explain(reply: Reply) -> CloudgpuError:
    """The error that an answer with an error status means, for any call but a create."""
    if reply.status == 401:
        return RefusedKeyError("RunPod refuses the API key", hint=f"set RUNPOD_API_KEY to a key from {_KEYS_URL}")
    if reply.status == 402:
        return no_credit()
    if reply.status == 403:
        return NotAuthorisedError(f"RunPod's key may not do this: {told(reply)}", hint=f"see its scopes: {_KEYS_URL}")
    if reply.status == 404 and is_problem(reply):
        return NoPodError(f"RunPod knows no such thing: {told(reply)}", hint="see: cloudgpu status")
    return BadAnswerError(
        f"RunPod answers {reply.status}: {told(reply)}", hint="if it stays so, its API may have changed"
    )


def explain_create(reply: Reply) -> CloudgpuError:
    """The error that an answer to a create means.

    Only RunPod's own problem documents are a clear no; anything else is BadAnswerError, and has to be looked up.
    """
    if reply.status in (401, 402):
        return explain(reply)
    if not is_problem(reply):
        return BadAnswerError(f"RunPod answers {reply.status}: {told(reply)}", hint="looking whether it was rented")
    if reply.status == 400 and _SPEND_CAP.search(told(reply)):
        return NoCreditError(f"RunPod allows no more dollars an hour: {told(reply)}", hint="ask RunPod to raise it")
    if reply.status == 400 and _CAPACITY.search(told(reply)):
        return OfferGoneError(f"RunPod has none free: {told(reply)}", hint="plan again: cloudgpu plan MODEL")
    if reply.status == 403:
        return OfferGoneError(f"RunPod's key may not rent this: {told(reply)}", hint=f"see its scopes: {_KEYS_URL}")
    if reply.status == 422:
        return InvalidRequestError(
            f"RunPod does not take the request: {told(reply)}", hint="its API may have changed: nothing was rented"
        )
    if reply.status in (400, 404):
        return CreateRefusedError(f"RunPod refuses the create: {told(reply)}", hint="nothing was rented")
    return explain(reply)


def no_credit(balance: str | None = None) -> TooLittleMoneyError:
    """No money for at least an hour. `balance` is what is left, in words; None when it could not be read."""
    left = f" ({balance} left)" if balance else ""
    return TooLittleMoneyError(
        f"the RunPod account has too little money for this{left}", hint="add some: https://console.runpod.io/billing"
    )


def is_problem(reply: Reply) -> bool:
    """Whether the body is a problem document of the API, and not somebody's web page."""
    return isinstance(reply.body, dict) and ("title" in reply.body or "detail" in reply.body)


def told(reply: Reply) -> str:
    """What the server says, short, and without anything that looks like a key."""
    body: Any = reply.body if isinstance(reply.body, dict) else {}
    said = " ".join(str(body[name]) for name in ("title", "detail") if body.get(name)) or reply.text
    errors = body.get("errors")
    fields = "; ".join(_field(each) for each in (errors if isinstance(errors, list) else [errors] if errors else []))
    text = f"{said} ({fields})" if fields else said
    return words(text, 300) or "nothing"


def _field(error: Any) -> str:  # noqa: ANN401  (one entry of a problem document)
    if not isinstance(error, dict):
        return str(error)
    place = error.get("location") or error.get("path") or error.get("field") or ""
    said = error.get("message") or error.get("detail") or ""
    return f"{place}: {said}".strip(": ")
