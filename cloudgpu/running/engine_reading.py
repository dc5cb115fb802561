"""What an engine's counters were at the last look, what of it was served to others, and since when nothing was."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from cloudgpu.base.clock import parse_utc, utc_text
from cloudgpu.running.token_count import TokenCount


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReading:
    """The counters of one run of an engine (`run` names its start; None: it does not tell), and what they prove.

    `read_at` is when they were read last, `told_at` when they last became an event. `prompt_tokens` and
    `generation_tokens` are what the engine counted, `ours` what our own probes took of it by the engine's own answers,
    `served` the rest, which never falls: a counter that is behind its own answers is waited for.
    `known_since` is the first reading of this run. `still_since` is the first of the latest `still_readings` readings
    at all of which `served` was the same and nothing ran: counters only grow, so nobody else got a token in between.
    `requests` run or wait at the last look. Of the KV cache: the share in use at the last look, the greatest since
    `told_at`, and how many tokens it holds; None: the engine does not tell.
    """

    told_at: datetime
    read_at: datetime
    known_since: datetime
    still_since: datetime
    still_readings: int
    prompt_tokens: int
    generation_tokens: int
    ours: TokenCount
    served: TokenCount
    requests: int
    run: str | None
    kv_share: Decimal | None
    kv_peak: Decimal | None
    kv_tokens: int | None

    @property
    def still_s(self) -> float:
        """How long nobody else got a token, as far as the readings prove it; 0 after a single one."""
        return (self.read_at - self.still_since).total_seconds()

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            **{name: utc_text(getattr(self, name)) for name in _TIMES}, "still_readings": self.still_readings,
            "prompt_tokens": self.prompt_tokens, "generation_tokens": self.generation_tokens,
            "ours": self.ours.as_body(), "served": self.served.as_body(), "requests": self.requests, "run": self.run,
            "kv_share": _text(self.kv_share), "kv_peak": _text(self.kv_peak), "kv_tokens": self.kv_tokens,
        }  # fmt: skip

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "EngineReading | None":
        """What `as_body` wrote; None for what an earlier version wrote, whose next reading counts as the first.

        Raises KeyError, TypeError or ValueError when it is neither.
        """
        if "read_at" not in body:
            return None
        shares = {name: None if body[name] is None else Decimal(body[name]) for name in ("kv_share", "kv_peak")}
        times = {name: parse_utc(body[name]) for name in _TIMES}
        counts = {name: TokenCount.from_body(body[name]) for name in ("ours", "served")}
        return EngineReading(**{**body, **shares, **times, **counts})


_TIMES = ("told_at", "read_at", "known_since", "still_since")


def _text(share: Decimal | None) -> str | None:
    return None if share is None else format(share, "f")
