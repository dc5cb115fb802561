"""How full the KV cache of a deployment was at its fullest, and over what time that was seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.accounting.served import Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUse:
    """The greatest share in use in `readings` readings over `seen_s` seconds; `tokens` it holds, None: not told."""

    peak: Decimal
    tokens: int | None
    readings: int
    seen_s: float

    @property
    def peak_tokens(self) -> int | None:
        """Tokens in the cache at its fullest; None when the engine does not say how many it holds."""
        return None if self.tokens is None else int(self.peak * self.tokens)


def cache_use(fills: Sequence[Fill], now: datetime, seen_s: float) -> CacheUse | None:
    """The use over the last so many seconds; None while it was not seen for that long."""
    since = now - timedelta(seconds=seen_s)
    recent = [fill for fill in fills if fill.at > since]
    if not recent or fills[0].at > since:
        return None
    return CacheUse(
        peak=max(fill.share for fill in recent), tokens=recent[-1].tokens, readings=len(recent),
        seen_s=(now - since).total_seconds(),
    )  # fmt: skip
