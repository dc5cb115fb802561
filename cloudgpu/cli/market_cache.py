"""Searches that were answered, kept for a while: a provider counts what it tells against a daily quota.

A search answered less than a minute ago is not sent again. An older answer stands in only where the provider gives
none; it says so, and nothing is rented on it.
"""

import hashlib
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.planning.offers.offer import Market, OfferSource

if TYPE_CHECKING:
    from cloudgpu.running.providers.base import OfferQuery

FRESH = timedelta(seconds=60)
KEPT = timedelta(hours=24)


class MarketCache:
    """The answers of one provider at one address, in a folder."""

    def __init__(self, folder: Path, provider: str, address: str) -> None:
        self._folder, self._provider, self._address = folder, provider, address

    def fresh(self, query: "OfferQuery", now: datetime) -> Market | None:
        """The answer to this very search, when it is less than a minute old."""
        return self._younger(query, now, FRESH)

    def stale(self, query: "OfferQuery", now: datetime, trouble: CloudgpuError) -> Market | None:
        """The last answer of a day, marked as one that nothing is rented on; None when there is none."""
        from cloudgpu.cli.render import duration

        found = self._younger(query, now, KEPT)
        if found is None:
            return None
        age = duration((now - found.fetched_at).total_seconds())
        note = f"{self._provider} could not be asked ({trouble.message}): its offers of {age} ago, not to be rented on."
        return replace(found, source=OfferSource.CACHED, complete=False, notes=(*found.notes, note))

    def keep(self, query: "OfferQuery", market: Market) -> None:
        """Keep an answer. A folder that cannot be written is no reason to fail."""
        from cloudgpu.planning.snapshot import save_snapshot

        with suppress(CloudgpuError):
            save_snapshot(market, self._path(query))

    def _younger(self, query: "OfferQuery", now: datetime, age: timedelta) -> Market | None:
        from cloudgpu.planning.market import read_offers_file

        path = self._path(query)
        if not path.exists():
            return None
        with suppress(CloudgpuError):
            found = read_offers_file(path, now)
            if timedelta(0) <= now - found.fetched_at <= age:
                return replace(found, source=OfferSource.LIVE, origin=self._address)
        return None

    def _path(self, query: "OfferQuery") -> Path:
        name = hashlib.sha256(f"{self._address}\n{query!r}".encode()).hexdigest()[:16]
        return self._folder / f"{self._provider}-{name}.jsonl"
