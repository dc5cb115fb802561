"""Where offers are from: the place of one, and source and age of a market."""

from cloudgpu.cli import render
from cloudgpu.cli.render import duration
from cloudgpu.planning.offers.offer import Offer, OfferSource
from cloudgpu.planning.offers.reference import is_reference
from cloudgpu.planning.plan import OffersInfo


def place(offer: Offer) -> str:
    """Where it stands; for a reference figure, that it stands nowhere."""
    if is_reference(offer):
        return f"{offer.location}, list price" if offer.location else "typical price"
    where = offer.location or "not said"
    return f"{where}, {offer.stock} stock" if offer.stock else where


def age_line(source: OfferSource, origin: str, age_s: float) -> str:
    """Where offers come from and how old they are."""
    kind = {
        OfferSource.LIVE: "Live offers",
        OfferSource.CACHED: "Offers of an earlier search, not to be rented on",
        OfferSource.FILE: "Offers of a file",
        OfferSource.REFERENCE: "Reference prices",
    }[source]
    return f"{kind}, {duration(max(0.0, age_s))} old: {origin}"


def show_sources(offers: OffersInfo) -> None:
    """Print the market's notes, where its offers are from, how old they are and what could not be read."""
    for line in offers.notes:
        render.warning(line)
    if not offers.complete and offers.source is OfferSource.LIVE:
        render.warning("The source may know more offers than it told; --gpu asks for fewer and so for all of them.")
    render.note(age_line(offers.source, offers.origin, offers.age_s))
    if offers.unreadable:
        counted = ", ".join(f"{count} {reason}" for reason, count in sorted(offers.unreadable.items()))
        render.note(f"Rows skipped: {counted}.")
    render.text()
