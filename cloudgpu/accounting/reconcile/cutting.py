"""What of a line of a bill lies between two moments."""

from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.charge import Charge, Meter, Source, within
from cloudgpu.accounting.life import BillLine
from cloudgpu.base.money import ZERO


def billed_between(line: BillLine, since: datetime, until: datetime) -> Decimal:
    """The dollars of the line between the moments, in proportion to time."""
    whole = Charge(
        deployment="", token="", instance_id=None, provider="", model="", gpu="", meter=Meter.FEE, start=line.start,
        end=line.end, hours=ZERO, usd=line.usd, source=Source.PROVIDER,
    )  # fmt: skip
    piece = within(whole, since, until)
    return piece.usd if piece else ZERO
