"""Price increases that hosts propose. The old price holds until the contract ends; accepting is left to a person.

The form is that of Vast.ai's own client: prices in dollars per second of the whole contract's GPUs.
Source: vast-ai/vast-cli, vastai/api/price_increase.py, 2026-08.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cloudgpu.base.errors import BadAnswerError
from cloudgpu.base.money import usd
from cloudgpu.base.units import SECONDS_PER_HOUR
from cloudgpu.running.providers.base import PriceProposal


def read_proposals(body: Any) -> tuple[PriceProposal, ...]:  # noqa: ANN401  (whatever came)
    """Every proposal of the account. Raises BadAnswerError when it is no list of them."""
    rows = body.get("pending_price_increases") if isinstance(body, Mapping) else None
    if not isinstance(rows, list):
        raise _bad("the proposed prices cannot be read")
    try:
        return tuple(_proposal(row) for row in rows)
    except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError, OSError) as error:
        raise _bad(f"a proposed price cannot be read: {error!r}") from error


def _proposal(row: Mapping[str, Any]) -> PriceProposal:
    return PriceProposal(
        proposal_id=str(row["pending_price_increase_id"]),
        instance_id=str(row["contract_id"]),
        now_usd_per_hour=_hourly(row.get("old_gpu_costpersec")),
        asked_usd_per_hour=_hourly(row.get("new_gpu_costpersec")),
        answer_by=_moment(row.get("contract_end_date")),
    )


def _hourly(per_second: object) -> Decimal | None:
    if per_second is None:
        return None
    if isinstance(per_second, bool) or not isinstance(per_second, int | Decimal):
        raise ValueError(f"{per_second!r} is no price")
    return usd(per_second * SECONDS_PER_HOUR)


def _moment(stamp: object) -> datetime | None:
    return datetime.fromtimestamp(float(stamp), UTC) if isinstance(stamp, int | Decimal) else None


def _bad(what: str) -> BadAnswerError:
    return BadAnswerError(f"Vast.ai: {what}", hint="see the console's instances: https://cloud.vast.ai/instances/")
