"""What an hour costs on a machine of one's own: its electricity, when the user says what that costs; else nothing."""

from collections.abc import Sequence
from decimal import Decimal

from cloudgpu.base.errors import UsageError
from cloudgpu.base.money import PICO, ZERO, exact_text, usd
from cloudgpu.base.settings import DockerSettings, Setting
from cloudgpu.running.providers.docker.cards import Card

_MOST_WATTS, _MOST_USD = Decimal(5000), Decimal(10)


def usd_per_hour(cards: Sequence[Card], settings: DockerSettings) -> Decimal:
    """Dollars of electricity for an hour of these cards, each at the watts set or at its own limit; 0 without a price.

    Raises UsageError for a setting that is no amount, or for a price without watts for a card of unknown power.
    """
    price = _amount(settings.usd_per_kwh, _MOST_USD)
    if price is None:
        return ZERO
    return (sum((_watts(card, settings) for card in cards), ZERO) / 1000 * price).quantize(PICO)


def told(cards: Sequence[Card], settings: DockerSettings) -> str:
    """One sentence on how it is counted."""
    price = _amount(settings.usd_per_kwh, _MOST_USD)
    if price is None:
        return "Its electricity counts as $0: CLOUDGPU_DOCKER_USD_PER_KWH sets a price."
    kinds = {card.name: _watts(card, settings) for card in cards}
    drawn = ", ".join(f"{exact_text(watts)} W for each {name}" for name, watts in kinds.items())
    whose = settings.watts.origin if settings.watts.value else "its power limit; CLOUDGPU_DOCKER_WATTS sets another"
    return f"Electricity at ${exact_text(price)}/kWh: {drawn} ({whose})."


def _watts(card: Card, settings: DockerSettings) -> Decimal:
    given = _amount(settings.watts, _MOST_WATTS)
    if given is None and card.watts is None:
        raise UsageError(f"nobody knows what one {card.name} draws", hint="set CLOUDGPU_DOCKER_WATTS, for example 350")
    return given if given is not None else Decimal(card.watts or 0)


def _amount(setting: Setting[str], most: Decimal) -> Decimal | None:
    """The amount that is set; None for none. Zero is an amount: power of one's own roof."""
    if not setting.value:
        return None
    try:
        amount = usd(setting.value)
    except ValueError:
        amount = Decimal(-1)
    if not 0 <= amount <= most:
        raise UsageError(
            f"{setting.origin} is {setting.value!r}", hint=f"a number from 0 to {most}, with a point: for example 0.30"
        )
    return amount
