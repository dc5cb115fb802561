"""Usage rows: one charge of one meter in one hour, which costs what was used (EffectiveCost) and bills nothing."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from cloudgpu.accounting.bill import is_settled
from cloudgpu.accounting.charge import Charge, Meter, Source, hour_of
from cloudgpu.accounting.exports.focus.account import account_columns, period_columns
from cloudgpu.accounting.life import Life
from cloudgpu.accounting.words import METER_NAMES
from cloudgpu.base.money import PICO, ZERO

Cell = str | Decimal | None
Row = dict[str, Cell]

_HOUR = timedelta(hours=1)
_REGION = re.compile(r"(?:^|, )([A-Z]{2}(?:-[A-Z]{2,}-[0-9]+)?)$")
_SKU_METERS = {
    Meter.GPU: "GPU time",
    Meter.DISK: "Disk running",
    Meter.DISK_STOPPED: "Disk stopped",
    Meter.DOWNLOAD: "Bandwidth in",
    Meter.UPLOAD: "Bandwidth out",
    Meter.FEE: "Fee",
}
_TRANSFER = "Transfers"
"""The unit where the provider bills bytes and does not say how many: one row is one transfer at its price."""


def usage_row(charge: Charge, life: Life) -> Row:
    """One row for a charge that lies within one hour of UTC. None is null."""
    start = hour_of(charge.start)
    return {
        **account_columns(life.provider, life.account),
        **period_columns(start, start + _HOUR),
        **_costs(charge, life),
        **_service(charge.meter),
        **_sku(charge, life),
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": f"{_SKU_METERS[charge.meter]}, {charge.gpu}, {_where(life)}",
        "ChargeFrequency": "Usage-Based",
        "CommitmentDiscountStatus": None,
        "InvoiceId": None,
        "PricingCategory": "Dynamic" if life.interruptible else "Standard",
        "RegionId": _region(life),
        "RegionName": life.location if _region(life) else None,
        "ResourceId": f"{life.provider}/{charge.instance_id or charge.token}",
        "ResourceName": charge.deployment,
        "ResourceType": "GPU instance",
        "HostProviderName": _where(life),
        "Tags": _flat({"deployment": charge.deployment, "model": charge.model}),
        "x_Deployment": charge.deployment,
        "x_DiskSplitSource": Source.METERED.value if charge.meter is Meter.DISK_STOPPED else None,
        "x_Migration": charge.migration,
        "x_Model": charge.model or None,
        "x_OfferId": life.offer_id,
        "x_PlanId": life.plan_id,
        "x_Purpose": charge.purpose.value,
        "x_Source": _source(charge, life),
    }


def _costs(charge: Charge, life: Life) -> Row:
    quantity, unit = _quantity(charge, life)
    price = _unit_price(charge, life, quantity)
    listed = (price * quantity).quantize(PICO)
    return {
        "BilledCost": ZERO,
        "EffectiveCost": charge.usd,
        "ListCost": listed,
        "ContractedCost": listed,
        "ListUnitPrice": price,
        "ContractedUnitPrice": price,
        "PricingQuantity": quantity,
        "PricingUnit": unit,
        "ConsumedQuantity": quantity,
        "ConsumedUnit": unit,
    }


def _unit_price(charge: Charge, life: Life, quantity: Decimal) -> Decimal:
    """The price that was seen, where it makes the charge: the same for all its rows. Else what a unit came to."""
    if not quantity:
        return ZERO
    allowed = 2 * PICO * (1 + quantity)
    for seen in _prices_seen(charge.meter, life):
        if abs(seen * quantity - charge.usd) <= allowed:
            return seen
    return (charge.usd / quantity).quantize(PICO)


def _prices_seen(meter: Meter, life: Life) -> list[Decimal]:
    """What a unit of the meter cost, newest price first; empty for what has no price by time."""
    match meter:
        case Meter.GPU:
            rates, size = [span.gpu_usd_per_hour for span in life.spans], Decimal(life.gpu_count)
        case Meter.DISK | Meter.DISK_STOPPED:
            rates, size = [span.disk_usd_per_hour for span in life.spans], life.disk_gb or Decimal(1)
        case _:
            return []
    return [(rate / size).quantize(PICO) for rate in dict.fromkeys(reversed(rates)) if rate]


def _region(life: Life) -> str | None:
    """The country or data centre at the end of a place's name (`Japan, JP`); None where none is told."""
    found = _REGION.search(life.location or "")
    return found[1] if found else None


def _quantity(charge: Charge, life: Life) -> tuple[Decimal, str]:
    match charge.meter:
        case Meter.GPU:
            return charge.hours * life.gpu_count, "GPU-Hours"
        case Meter.DISK | Meter.DISK_STOPPED if life.disk_gb:
            return charge.hours * life.disk_gb, "GB-Hours"
        case Meter.DISK | Meter.DISK_STOPPED:
            return charge.hours, "Hours"
    return Decimal(1), _TRANSFER


def _service(meter: Meter) -> Mapping[str, Cell]:
    match meter:
        case Meter.DISK | Meter.DISK_STOPPED:
            return {"ServiceCategory": "Storage", "ServiceName": "Instance disk", "ServiceSubcategory": "Block Storage"}
        case Meter.DOWNLOAD | Meter.UPLOAD:
            return {
                "ServiceCategory": "Networking",
                "ServiceName": "Instance traffic",
                "ServiceSubcategory": "Content Delivery",
            }
    return {"ServiceCategory": "Compute", "ServiceName": "GPU instances", "ServiceSubcategory": "Virtual Machines"}


def _sku(charge: Charge, life: Life) -> Mapping[str, Cell]:
    card = charge.gpu.split("x ", 1)[-1].replace(" ", "") or "unknown"
    sku = f"{_SKU_METERS[charge.meter].lower().replace(' ', '-')}/{card}"
    details: dict[str, str | int] = {
        "GpuCount": life.gpu_count,
        "InstanceType": charge.gpu,
        "x_Meter": METER_NAMES[charge.meter],
    }
    return {
        "SkuId": sku,
        "SkuMeter": _SKU_METERS[charge.meter],
        "SkuPriceId": f"{life.provider}/{sku}",
        "SkuPriceDetails": _flat(details),
    }


def _source(charge: Charge, life: Life) -> str:
    """The word behind the row; a bill that may still grow is marked, so that nobody books it for good."""
    open_bill = charge.source is Source.PROVIDER and not is_settled(life)
    return "provider_open" if open_bill else charge.source.value


def _where(life: Life) -> str:
    return f"host {life.machine_id}" if life.machine_id else life.location or life.provider


def _flat(values: Mapping[str, str | int]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False)
