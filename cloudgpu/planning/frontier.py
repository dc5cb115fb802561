"""What more money buys: of every card and count the cheapest, and of these the ones that nothing beats in all respects.

Compared: price over the hours, minutes until ready, reliability of the host, tokens a second. What a source does not
state counts as the worst.
"""

from collections.abc import Iterable
from math import log

from cloudgpu.planning.fitting.fit import Fit
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.planning.ranking import Priced, price_key

Merits = tuple[float, ...]


def frontier(fit: Fit, fitting: Iterable[Priced]) -> tuple[Offer, ...]:
    """The offers worth their price, cheapest first; each is better in something than every cheaper one."""
    chosen: list[tuple[Merits, Offer]] = []
    for priced in sorted(_best_of_each_card(fitting), key=price_key):
        merits = _merits(fit, priced)
        if not any(all(map(float.__ge__, other, merits)) for other, _ in chosen):
            chosen.append((merits, priced.offer))
    return tuple(offer for _, offer in chosen)


def _best_of_each_card(fitting: Iterable[Priced]) -> Iterable[Priced]:
    """The cheapest of every (card, memory, count), and its most reliable one."""
    cheapest: dict[object, Priced] = {}
    steadiest: dict[object, Priced] = {}
    for each in fitting:
        offer = each.offer
        card = (offer.gpu, offer.gpu_memory_mib, offer.gpu_count)
        if card not in cheapest or price_key(each) < price_key(cheapest[card]):
            cheapest[card] = each
        if card not in steadiest or _steadiness_key(each) < _steadiness_key(steadiest[card]):
            steadiest[card] = each
    return {id(each): each for each in (*cheapest.values(), *steadiest.values())}.values()


def _steadiness_key(each: Priced) -> tuple[object, ...]:
    return -(each.offer.reliability or 0.0), *price_key(each)


def _merits(fit: Fit, priced: Priced) -> Merits:
    """Larger is better, in steps that somebody notices: three minutes, half a percent, a fifth more tokens."""
    speed = fit.speed(priced.offer)
    return (
        -float(fit.readiness(priced.offer).total_s // 180),
        float(round((priced.offer.reliability or 0.0) * 200)),
        float(round(log(speed.output_tokens_per_s, 1.2))) if speed and speed.output_tokens_per_s > 0 else -99.0,
    )
