"""What an engine's counters were at the last look, when they were last told as an event, and how full its cache was."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from cloudgpu.base.clock import parse_utc, utc_text


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReading:
    """`told_at` is when the counters last became an event; all others are what they were at the last look.

    Tokens count from the start that `run` names. Of the KV cache: the share in use at the last look, the greatest since
    `told_at`, and how many tokens it holds; None: the engine does not tell.
    """

    told_at: datetime
    prompt_tokens: int
    generation_tokens: int
    requests: int
    run: str | None
    kv_share: Decimal | None
    kv_peak: Decimal | None
    kv_tokens: int | None

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "told_at": utc_text(self.told_at), "prompt_tokens": self.prompt_tokens,
            "generation_tokens": self.generation_tokens, "requests": self.requests, "run": self.run,
            "kv_share": _text(self.kv_share), "kv_peak": _text(self.kv_peak), "kv_tokens": self.kv_tokens,
        }  # fmt: skip

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "EngineReading":
        """What `as_body` wrote. Raises KeyError, TypeError or ValueError when it is not one."""
        shares = {name: None if body[name] is None else Decimal(body[name]) for name in ("kv_share", "kv_peak")}
        return EngineReading(**{**body, **shares, "told_at": parse_utc(body["told_at"])})


def _text(share: Decimal | None) -> str | None:
    return None if share is None else format(share, "f")
