"""Vast.ai's errors, in ours. Matched on the words of the body: the same refusal comes as 400, 404, 410 and 200."""

from typing import Any

from cloudgpu.base.errors import (
    BadAnswerError,
    CloudgpuError,
    CreateRefusedError,
    InvalidRequestError,
    NoCreditError,
    OfferGoneError,
    RefusedKeyError,
)
from cloudgpu.running.providers.reply import Reply
from cloudgpu.running.providers.words import words


class NotThereError(BadAnswerError):
    """An answer that knows no instance of that id; by itself no proof that there is none."""


_NOT_THERE = ("no_such_instance", "instance not found")
_GONE = ("no_such_ask", "not available", "no longer available")
_NO_CREDIT = ("insufficient_credit", "lacks credit", "missing_billing", "spend_rate_limit")
_KEY = ("auth_error", "invalid user key", "session expired", "requires login", "unauthorized", "unauthenticated")
_REFUSED = ("invalid_args", "invalid_price", "no_ssh_key", "bad_request", "validation")


def explain(reply: Reply) -> CloudgpuError:
    """The error that an answer with an error status means, for any call but a create."""
    text = _words(reply)
    if reply.status == 401 or _has(text, _KEY):
        return refused_key()
    if _has(text, _NOT_THERE):
        return NotThereError(f"Vast.ai knows no such instance: {told(reply)}", hint="see: cloudgpu status")
    if _has(text, _GONE):
        return OfferGoneError("the offer is no longer there", hint="plan again: cloudgpu plan MODEL")
    if _has(text, _NO_CREDIT):
        return no_credit()
    return BadAnswerError(
        f"Vast.ai answers {reply.status}: {told(reply)}", hint="if it stays so, its API may have changed"
    )


def explain_create(reply: Reply) -> CloudgpuError:
    """The error that an answer to a create means. An instance id in it counts before any word: that instance exists.

    Only words we know are a clear no; anything else is BadAnswerError, and the create has to be looked up.
    """
    contract = reply.body.get("new_contract") if isinstance(reply.body, dict) else None
    if contract:
        return CreateRefusedError(
            f"Vast.ai refuses and rents all the same: {told(reply)}",
            hint="the instance it made is being destroyed",
            instance_id=str(contract),
        )
    found = explain(reply)
    if isinstance(found, BadAnswerError) and _has(_words(reply), _REFUSED):
        return CreateRefusedError(f"Vast.ai refuses the create: {told(reply)}", hint="nothing was rented")
    return found


def explain_bid(reply: Reply) -> CloudgpuError:
    """The error that a refused change of a bid means: words we know are a clear no, and the old bid stands."""
    found = explain(reply)
    if isinstance(found, BadAnswerError) and not isinstance(found, NotThereError) and _has(_words(reply), _REFUSED):
        return InvalidRequestError(f"Vast.ai refuses the bid: {told(reply)}", hint="the old bid stands")
    return found


def refused_key() -> RefusedKeyError:
    """The key is wrong, or its session is over."""
    return RefusedKeyError(
        "Vast.ai refuses the API key", hint="set VAST_API_KEY to a key from https://cloud.vast.ai/manage-keys/"
    )


def no_credit() -> NoCreditError:
    """No money, or no way to pay."""
    return NoCreditError("the Vast.ai account has no credit for this", hint="add some: https://cloud.vast.ai/billing/")


def told(reply: Reply) -> str:
    """What the server says, short, and without anything that looks like a key."""
    body: Any = reply.body if isinstance(reply.body, dict) else {}
    said = " ".join(str(body[name]) for name in ("error", "msg", "detail") if body.get(name)) or reply.text
    return words(said, 200) or "nothing"


def _words(reply: Reply) -> str:
    return told(reply).lower() + " " + reply.text[:500].lower()


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)
