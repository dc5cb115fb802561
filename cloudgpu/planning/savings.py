"""What serving a quantised form of the model would cost, beside the model as it was published."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from cloudgpu.base.errors import UsageError
from cloudgpu.base.money import exact_text
from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.fitting.fit import Fit
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Market, Offer
from cloudgpu.planning.ranking import cheapest

SAVING_QUANTIZATIONS = ("fp8", "awq", "gptq")
_WORTH_SAYING = Decimal("0.98")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What serving a quantised form would cost at its own cheapest fit. `usd_per_hour` is all but the download."""

    quantization: str
    checkpoint: str
    provider: str
    gpu: str
    gpu_count: int
    gpu_memory_mib: int
    usd_per_hour: Decimal
    usd_total: Decimal
    saves_usd_per_hour: Decimal | None

    def as_json(self) -> dict[str, object]:
        """The form in `savings`; `saves_usd_per_hour` is null when the model as published fits nowhere."""
        saves = self.saves_usd_per_hour
        return {
            "quantization": self.quantization,
            "checkpoint": self.checkpoint,
            "provider": self.provider,
            "gpu": self.gpu,
            "gpu_count": self.gpu_count,
            "gpu_memory_mib": self.gpu_memory_mib,
            "usd_per_hour": exact_text(self.usd_per_hour),
            "usd_total": exact_text(self.usd_total),
            "saves_usd_per_hour": None if saves is None else exact_text(saves),
        }


def savings_of(needs: Needs, market: Market, now: Candidate | None) -> tuple[Saving, ...]:
    """Quantised forms whose cheapest fit is at least 2 % cheaper than `now`, the cheapest fit of the model itself.

    None when the model is quantised already.
    """
    found = (_saving(lighter, market, _below(market, needs, now), now) for lighter in lighter_forms(needs))
    return tuple(saving for saving in found if saving is not None)


def lighter_forms(needs: Needs) -> list[Needs]:
    """The needs for every quantised form that is published or made on loading, and that the engine serves.

    None for a quantised model.
    """
    if needs.options.quantization is not None or needs.model.quantization is not None:
        return []
    forms = (replace(needs, options=replace(needs.options, quantization=name)) for name in SAVING_QUANTIZATIONS)
    return [form for form in forms if _exists(form)]


def _exists(needs: Needs) -> bool:
    if needs.options.quantization not in needs.options.profile().quantizations:
        return False
    try:
        needs.checkpoint()
    except UsageError:
        return False
    return True


def _saving(lighter: Needs, market: Market, offers: Sequence[Offer], now: Candidate | None) -> Saving | None:
    """The cheapest fit of a quantised form, None when none fits or it saves nothing."""
    quantization = lighter.options.quantization
    checkpoint = lighter.checkpoint()
    fit = Fit(lighter, checkpoint, market.blocked)
    best = cheapest(fit, offers)
    if quantization is None or best is None:
        return None
    price = fit.price(best)
    if now and price.usd_total > now.usd_total * _WORTH_SAYING:
        return None
    hourly = price.total_usd_per_hour
    return Saving(
        quantization=quantization,
        checkpoint=checkpoint.repo_id,
        provider=best.provider,
        gpu=best.gpu,
        gpu_count=best.gpu_count,
        gpu_memory_mib=best.gpu_memory_mib,
        usd_per_hour=hourly,
        usd_total=price.usd_total,
        saves_usd_per_hour=None if now is None else now.total_usd_per_hour - hourly,
    )


def _below(market: Market, needs: Needs, now: Candidate | None) -> Sequence[Offer]:
    """The offers whose GPUs alone cost less than all of the cheapest candidate: no other one can save anything."""
    if now is None:
        return market.offers
    return [offer for offer in market.offers if offer.gpu_usd_per_hour * needs.hours < now.usd_total]
