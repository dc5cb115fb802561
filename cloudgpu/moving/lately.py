"""The last minutes of a share of the traffic: what a side does now is not outweighed by how well it did before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cloudgpu.base.clock import parse_utc, utc_text
from cloudgpu.moving.live import MIN_REQUESTS, Baseline, Observation

_LASTS = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lately:
    """Totals of two moments: what was added `since` is judged, and what was there `then` follows it.

    `then` takes its place once it is two minutes old and the new side has answered enough after it. So between one
    look and the next, two to four minutes are judged where looks are frequent, and at least as many requests as it
    takes to tell.
    """

    since: Baseline
    then: Baseline
    then_at: datetime

    def moved_on(self, seen: Observation) -> "Lately":
        """The same as of this look."""
        added = seen.counts.new.since(self.then.new)
        enough = max(added.requests, added.first_tokens) >= MIN_REQUESTS
        if not enough or seen.at - self.then_at < _LASTS:
            return self
        return Lately(since=self.then, then=seen.counts, then_at=seen.at)

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return {"since": self.since.as_body(), "then": self.then.as_body(), "then_at": utc_text(self.then_at)}

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Lately":
        """What `as_body` wrote."""
        return Lately(
            since=Baseline.from_body(body["since"]),
            then=Baseline.from_body(body["then"]),
            then_at=parse_utc(body["then_at"]),
        )


def first_look(baseline: Baseline, seen: Observation) -> Lately:
    """All since the share began, which was at `baseline`."""
    return Lately(since=baseline, then=seen.counts, then_at=seen.at)
