"""One answer, worked out before its first token is sent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What will be said to one request; a piece is a token. `chat` tells the two kinds of completions apart."""

    chat: bool
    model: str
    request_id: str
    created_s: int
    prompt_tokens: int
    pieces: tuple[str, ...]
    finish_reason: str
