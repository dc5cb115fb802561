"""What a deployment can have cost so far: an upper bound, for limits and progress; the ledger knows the exact sum."""

from datetime import datetime
from decimal import Decimal

from cloudgpu.base.money import accrued_usd
from cloudgpu.running.records import Deployment


def spent_usd(deployment: Deployment, now: datetime) -> Decimal:
    """The most that it can have cost by now: GPU and disk since its intent, and its whole download."""
    return accrued_usd(deployment.usd_per_hour, deployment.since, deployment.since, now) + deployment.download_usd
