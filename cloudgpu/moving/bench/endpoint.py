"""What is measured: an address, the model to ask for, and the form in which it takes questions."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cloudgpu.base.errors import UsageError
from cloudgpu.base.secret import Secret

_TAILS = ("/v1/chat/completions", "/chat/completions", "/v1/completions", "/completions", "/v1", "/chat")


class Form(StrEnum):
    """How a question is put: OpenAI's chat, OpenAI's completions, or the plain `/chat` of a LoRA application."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    APP = "app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One side of a measurement. `url` is `https://host:port`, without `/v1`; `name` is what people call it.

    `api_key` None: it asks for none. `usd_per_hour` is what it costs in an hour of this machine's clock, None when
    nobody said. `health_path` answers 200 when the process is up, None when it has none that we know.
    """

    name: str
    url: str
    model: str
    api_key: Secret | None = None
    form: Form = Form.CHAT
    usd_per_hour: Decimal | None = None
    health_path: str | None = None


def base_url(given: str) -> str:
    """`https://host:port` of whatever address somebody copied: with `/v1`, or a whole path to completions.

    Raises UsageError for what is no http address.
    """
    url = given.strip().rstrip("/")
    if not url.startswith(("http://", "https://")) or len(url.partition("://")[2]) == 0:
        raise UsageError(f"{given!r} is no address of an endpoint", hint="write it like http://203.0.113.7:8000")
    tail = next((each for each in _TAILS if url.endswith(each)), "")
    return url.removesuffix(tail)


def form_of(given: str) -> Form:
    """The form that an address betrays by its path; chat when it says nothing."""
    url = given.strip().rstrip("/")
    if url.endswith("/completions") and not url.endswith("/chat/completions"):
        return Form.COMPLETIONS
    return Form.APP if url.endswith("/chat") else Form.CHAT
