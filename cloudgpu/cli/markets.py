"""Which markets a command looks at: a file, live providers, the emulator, or the reference figures.

A provider that fails hides no other one: it becomes a note. When nothing else answers, its error is the answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from cloudgpu.base.errors import CloudgpuError, NotAuthorisedError, ProviderError, UnreachableError, UsageError
from cloudgpu.cli.session import EMULATED, KEYLESS, OWN, Session
from cloudgpu.planning.market import merge, read_offers_file, reference_market
from cloudgpu.planning.offers.offer import Market

if TYPE_CHECKING:
    from cloudgpu.cli.market_cache import MarketCache
    from cloudgpu.running.providers.base import OfferQuery

    Queries = Callable[[], Sequence[OfferQuery]]
    Search = Callable[[OfferQuery], Market]

PROVIDERS = ("vast", "runpod", OWN, *EMULATED)


class Reach(Enum):
    """Who is asked: nobody (reference figures), providers that there is a key for, or all, for what they show to
    anybody; reference figures stand in where one shows nothing."""

    OFFLINE = "offline"
    KEYED = "keyed"
    ANYBODY = "anybody"


def reach_of(*, live: bool, offline: bool) -> Reach:
    """The reach that --live and --offline mean. Raises UsageError for both."""
    if live and offline:
        raise UsageError("--live and --offline say two things", hint="give one of them")
    return Reach.ANYBODY if live else Reach.OFFLINE if offline else Reach.KEYED


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


def gather(
    session: Session, providers: Sequence[str], offers_file: Path | None, queries: "Queries", reach: Reach = Reach.KEYED
) -> Market:
    """The market for a plan or a listing. Calls the network, and `queries`, only for live providers.

    Without `providers` those with a key are asked, and without any key the reference figures are read.
    Raises BadFileError for a file that holds no offers, and the provider's error when no source is left.
    """
    now = market_time(session, () if offers_file else providers)
    if offers_file is not None:
        return read_offers_file(offers_file, now)
    if reach is Reach.OFFLINE:
        return _noted(reference_market(providers), "Nobody was asked, as you wished: reference figures are shown.")
    keyless = reach is Reach.ANYBODY
    asked = providers or tuple(name for name in ("vast", "runpod") if keyless or has_key(session, name))
    if not asked:
        return _noted(reference_market(), f"No key for vast or runpod: {_REFERENCE_INSTEAD}")
    from cloudgpu.planning.blocklist import without_blocked  # live markets alone name machines

    answers = _side_by_side(session, asked, queries, now, keyless)
    markets = [answer for answer in answers.values() if isinstance(answer, Market)]
    failures = {name: answer for name, answer in answers.items() if isinstance(answer, CloudgpuError)}
    if not markets:
        raise next(iter(failures.values()))
    notes = [f"{name} could not be asked: {error.message}" for name, error in failures.items()]
    market = merge(markets)
    market = replace(market, notes=(*market.notes, *notes), complete=market.complete and not failures)
    return without_blocked(market, session.settings.state_dir, now)


def _side_by_side(
    session: Session, asked: Sequence[str], queries: "Queries", now: datetime, keyless: bool
) -> dict[str, Market | CloudgpuError]:
    """What each provider answered, or why it did not; they are asked at once, and waited for so long and no longer."""
    import threading  # one provider needs none of it

    for name in asked:
        if name in KEYLESS or has_key(session, name):
            session.provider(name)  # opened here: what is wrong with a key is said before anybody is asked
    answers: dict[str, Market | CloudgpuError] = {}
    crashes: list[BaseException] = []

    def ask(name: str) -> None:
        try:
            answers[name] = _one(session, name, queries, now, keyless)
        except (ProviderError, NotAuthorisedError) as error:
            answers[name] = error
        except BaseException as error:  # a thread's crash must not pass for silence
            crashes.append(error)

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in asked[1:]]
    for thread in threads:
        thread.start()
    ask(asked[0])
    for thread in threads:
        thread.join(timeout=_MOST_WAIT_S)
    if crashes:
        raise crashes[0]
    late = UnreachableError(f"no answer within {_MOST_WAIT_S:.0f} s", hint="try again, or ask another provider")
    return {name: answers.get(name, late) for name in asked}


_MOST_WAIT_S = 90.0
"""For the providers after the first; every call has a time-out of its own, and a market may take eight."""


def has_key(session: Session, name: str) -> bool:
    """Whether the environment or a vendor's file holds a key for the provider."""
    return (session.settings.vast_key if name == "vast" else session.settings.runpod_key) is not None


_REFERENCE_INSTEAD = "reference figures are shown, not live offers (--live asks without one)."


def _one(session: Session, name: str, queries: "Queries", now: datetime, keyless: bool) -> Market:
    if name in KEYLESS:
        return _live(name, session.provider(name).search, queries, None, now)
    if has_key(session, name):
        return _live(name, session.provider(name).search, queries, _cache(session, name), now)
    if not keyless:
        return _noted(reference_market((name,)), f"No key for {name}: {_REFERENCE_INSTEAD}")
    return _shown_to_anybody(session, name, queries, now)


def _shown_to_anybody(session: Session, name: str, queries: "Queries", now: datetime) -> Market:
    """What a provider tells without a key, else its reference figures and why.

    It is asked for the model as published only: each further question is a minute of waiting.
    """
    from cloudgpu.running.providers.keyless import search_without_key  # asked for with --live only

    def search(query: "OfferQuery") -> Market:
        return search_without_key(name, session.settings, query, session.clock(name))

    from cloudgpu.cli import render  # offline plans need it only at their end

    render.progress(f"{name} is asked without a key; at the pace it grants to anybody that can take a minute ...")
    try:
        return _live(name, search, lambda: queries()[:1], _cache(session, name, "-without-key"), now)
    except (ProviderError, NotAuthorisedError) as error:
        why = f"{name} shows nothing without a key ({error.message}): its reference figures are shown."
        return _noted(reference_market((name,)), why)


def _cache(session: Session, name: str, kind: str = "") -> "MarketCache":
    from cloudgpu.cli.market_cache import MarketCache  # live markets alone are kept

    address = session.settings.vast_url if name == "vast" else session.settings.runpod_url
    return MarketCache(session.settings.cache_dir / "markets", name + kind, address.value)


def _live(name: str, search: "Search", queries: "Queries", cache: "MarketCache | None", now: datetime) -> Market:
    """The answers to all queries as one market; an offer that stands in two of them counts once.

    The first query must succeed; a later one only widens the view, so its failure is a note.
    """
    first, *others = queries()
    market = _search(search, first, cache, now)
    for query in others:
        try:
            market = merge([market, _search(search, query, cache, now)])
        except ProviderError as error:
            market = _noted(market, f"{name} was not asked for lighter forms of the model: {error.message}")
    once = {offer.offer_id: offer for offer in reversed(market.offers)}
    return replace(market, offers=tuple(once.values()))


def _search(search: "Search", query: "OfferQuery", cache: "MarketCache | None", now: datetime) -> Market:
    """The provider's answer; one of the last minute is not asked for again, an old one stands in when it gives none."""
    if cache is None:
        return search(query)
    found = cache.fresh(query, now)
    if found is not None:
        return found
    try:
        found = search(query)
    except ProviderError as error:
        old = cache.stale(query, now, error)
        if old is None:
            raise
        return old
    cache.keep(query, found)
    return found


def _noted(market: Market, note: str) -> Market:
    return replace(market, notes=(note, *market.notes))
