"""Where an offer stands, matched against what a person types: a country code, EU, or a part of the place's name."""

from cloudgpu.planning.offers.offer import Offer

_EU_CODES = (
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT",
    "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
)  # fmt: skip


def stands_in(offer: Offer, region: str) -> bool:
    """Whether the offer's place is in `region`: `DE`, `eu`, `California`. False when the source names no place."""
    wanted = region.strip().upper()
    if wanted == "EU":
        return offer.country in _EU_CODES
    if len(wanted) == 2:
        return offer.country == wanted
    return wanted in (offer.location or "").upper()
