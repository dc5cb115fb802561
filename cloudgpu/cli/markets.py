"""Which markets a command looks at: a file, live providers, the emulator, or the reference figures.

A provider that fails hides no other one: it becomes a note. When nothing else answers, its error is the answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cloudgpu.base.errors import CloudgpuError, NotAuthorisedError, ProviderError, UsageError
from cloudgpu.cli.session import EMULATED, Session
from cloudgpu.planning.market import merge, read_offers_file, reference_market
from cloudgpu.planning.offers import Market

if TYPE_CHECKING:
    from cloudgpu.running.providers.base import OfferQuery

    Queries = Callable[[], Sequence[OfferQuery]]

PROVIDERS = ("vast", "runpod", *EMULATED)


def check_providers(names: Sequence[str]) -> tuple[str, ...]:
    """The names in lower case. Raises UsageError for one we do not know."""
    lower = tuple(name.lower() for name in names)
    for name in lower:
        if name not in PROVIDERS:
            raise UsageError(f"no provider named {name!r}", hint="one of " + ", ".join(PROVIDERS))
    return lower


def market_time(session: Session, providers: Sequence[str]) -> datetime:
    """The time by which the market is dated: the emulator's own when it is asked (it is started when it must be)."""
    emulated = next((name for name in providers if name in EMULATED), None)
    if emulated is not None:
        session.ensure_emulator()
    return session.clock(emulated or "vast").now()


def gather(session: Session, providers: Sequence[str], offers_file: Path | None, queries: "Queries") -> Market:
    """The market for a plan or a listing. Calls the network, and `queries`, only for live providers.

    Without `providers` those with a key are asked, and without any key the reference figures are read.
    Raises BadFileError for a file that holds no offers, and the provider's error when no source is left.
    """
    if offers_file is not None:
        return read_offers_file(offers_file, market_time(session, ()))
    asked = providers or tuple(name for name in ("vast", "runpod") if has_key(session, name))
    if not asked:
        return reference_market()
    markets: list[Market] = []
    failures: list[CloudgpuError] = []
    notes: list[str] = []
    for name in asked:
        try:
            markets.append(_one(session, name, queries))
        except (ProviderError, NotAuthorisedError) as error:
            failures.append(error)
            notes.append(f"{name} could not be asked: {error.message}")
    if not markets:
        raise failures[0]
    market = merge(markets)
    return replace(market, notes=(*market.notes, *notes), complete=market.complete and not failures)


def has_key(session: Session, name: str) -> bool:
    """Whether the environment or a vendor's file holds a key for the provider."""
    return (session.settings.vast_key if name == "vast" else session.settings.runpod_key) is not None


def _one(session: Session, name: str, queries: "Queries") -> Market:
    if name in EMULATED:
        return _live(session, name, queries)
    if not has_key(session, name):
        return _reference(name, f"No key for {name}: its reference figures are shown, not live offers.")
    return _live(session, name, queries)


def _live(session: Session, name: str, queries: "Queries") -> Market:
    """The answers to all queries as one market; an offer that stands in two of them counts once.

    The first query must succeed; a later one only widens the view, so its failure is a note.
    """
    provider = session.provider(name)
    first, *others = queries()
    market = provider.search(first)
    for query in others:
        try:
            market = merge([market, provider.search(query)])
        except ProviderError as error:
            note = f"{name} was not asked for lighter forms of the model: {error.message}"
            market = replace(market, notes=(*market.notes, note))
    once = {offer.offer_id: offer for offer in reversed(market.offers)}
    return replace(market, offers=tuple(once.values()))


def _reference(name: str, note: str) -> Market:
    market = reference_market((name,))
    return replace(market, notes=(note, *market.notes))
