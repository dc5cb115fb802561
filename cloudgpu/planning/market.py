"""Markets: the reference figures that travel with the program, offers in a file, and several markets as one.

Live markets come from the provider adapters, in the same shape.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cloudgpu.base.data import data_dir
from cloudgpu.base.errors import BadFileError
from cloudgpu.planning.offers.offer import Market, OfferSource
from cloudgpu.planning.offers.reference import ReferenceHeader
from cloudgpu.planning.offers_file import read_offers

REFERENCE_NOTE = "Reference figures are typical prices of that day, not offers that can be rented."


def reference_market(providers: Sequence[str] = ()) -> Market:
    """The figures in `offers/`, of all providers or the named ones. No network.

    `fetched_at` is the date of the oldest file.
    """
    markets = [_reference_file(path) for path in sorted(data_dir("offers").glob("*.jsonl"))]
    wanted = [market for market in markets if not providers or market.offers[0].provider in providers]
    if not wanted:
        now = datetime.now(UTC)
        return Market(
            offers=(), source=OfferSource.REFERENCE, origin="no reference figures", fetched_at=now,
            complete=False, unreadable={},
        )  # fmt: skip
    return merge(wanted)


def read_offers_file(path: Path, now: datetime) -> Market:
    """Offers of a file: a raw Vast.ai list, a raw RunPod catalogue answer, or our own format.

    Rows with missing, null or absurd fields are skipped and counted. `fetched_at` is the date that the file states,
    else when it was last written, never later than `now`. Raises BadFileError when it is unreadable, no JSON, of an
    unknown shape, or without any row.
    """
    content = read_offers(path)
    if not content.offers and not content.unreadable:
        raise BadFileError(f"{path} holds no offer", hint="ask the provider again")
    if not content.offers:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in sorted(content.unreadable.items()))
        raise BadFileError(f"{path} holds no offer that can be used: {reasons}",
                           hint="give the whole answer of the provider, unshortened")  # fmt: skip
    reference = content.header is not None and not content.is_snapshot
    return Market(
        offers=content.offers,
        source=OfferSource.FILE,
        origin=f"{path}" + (f" ({content.header.source})" if content.header else ""),
        fetched_at=min(now, _date(path, content.header)),
        complete=not content.cut_short,
        unreadable=content.unreadable,
        notes=(REFERENCE_NOTE,) * reference + content.notes,
    )


def merge(markets: Sequence[Market]) -> Market:
    """Several markets as one: as old as the oldest, complete when all are, live when one is and none is an old search.

    Raises ValueError for no market at all.
    """
    if not markets:
        raise ValueError("there is no market to merge")
    unreadable: Counter[str] = Counter()
    for market in markets:
        unreadable.update(market.unreadable)
    return Market(
        offers=tuple(offer for market in markets for offer in market.offers),
        source=min((market.source for market in markets), key=_LIVELIEST.index),
        origin="; ".join(dict.fromkeys(market.origin for market in markets)),
        fetched_at=min(market.fetched_at for market in markets),
        complete=all(market.complete for market in markets),
        unreadable=dict(unreadable),
        notes=tuple(dict.fromkeys(note for market in markets for note in market.notes)),
        blocked={machine: why for market in markets for machine, why in market.blocked.items()},
    )


_LIVELIEST = (OfferSource.CACHED, OfferSource.LIVE, OfferSource.FILE, OfferSource.REFERENCE)


def _reference_file(path: Path) -> Market:
    content = read_offers(path)
    if content.header is None or not content.offers:
        raise BadFileError(f"{path} is no reference file", hint="install cloudgpu again")
    return Market(
        offers=content.offers,
        source=OfferSource.REFERENCE,
        origin=content.header.source,
        fetched_at=content.header.date,
        complete=True,
        unreadable=content.unreadable,
        notes=(REFERENCE_NOTE,),
    )


def _date(path: Path, header: ReferenceHeader | None) -> datetime:
    return header.date if header else datetime.fromtimestamp(path.stat().st_mtime, UTC)
