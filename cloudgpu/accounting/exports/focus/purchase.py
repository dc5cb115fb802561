"""Purchase rows: money that was paid in bills its amount, and costs nothing until usage eats it."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from cloudgpu.accounting.charge import hour_of
from cloudgpu.accounting.exports.focus.account import account_columns, period_columns
from cloudgpu.accounting.exports.focus.columns import COLUMNS
from cloudgpu.accounting.history import TopUp
from cloudgpu.base.money import ZERO

_HOUR = timedelta(hours=1)


def purchase_row(top_up: TopUp, account: str | None) -> Mapping[str, str | Decimal | None]:
    """One row for a top-up; a refund is a Credit of a negative amount, which has no unit price."""
    start = hour_of(top_up.at)
    refund = top_up.usd < 0
    return {
        **dict.fromkeys(COLUMNS),
        **account_columns(top_up.provider, account),
        **period_columns(start, start + _HOUR),
        "BilledCost": top_up.usd,
        "EffectiveCost": ZERO,
        "ListCost": top_up.usd,
        "ContractedCost": top_up.usd,
        **({} if refund else _priced(top_up.usd)),
        "ChargeCategory": "Credit" if refund else "Purchase",
        "ChargeDescription": f"{'Refund' if refund else 'Prepaid top-up'} {top_up.note}".strip(),
        "ChargeFrequency": "One-Time",
        "HostProviderName": account_columns(top_up.provider, account)["ProviderName"],
        "ServiceCategory": "Other",
        "ServiceName": "Prepaid balance",
        "ServiceSubcategory": "Other (Other)",
        "x_Source": "user",
    }


def _priced(usd: Decimal) -> Mapping[str, str | Decimal]:
    return {
        "ListUnitPrice": usd, "ContractedUnitPrice": usd, "PricingQuantity": Decimal(1), "PricingUnit": "Payments",
        "PricingCategory": "Standard", "SkuId": "top-up", "SkuMeter": "Top-up", "SkuPriceId": "top-up",
    }  # fmt: skip
