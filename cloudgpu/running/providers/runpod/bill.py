"""RunPod's billing records, read into billed lines.

A record is one pod's cost in one hour of the clock. It does not say when in that hour the pod ran, so a line begins no
earlier than the rental and ends no later than the moment it was read.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cloudgpu.base.clock import utc_text
from cloudgpu.base.errors import BadAnswerError
from cloudgpu.base.money import ZERO, usd
from cloudgpu.running.providers.base import BilledLine
from cloudgpu.running.providers.currency import in_dollars

_METERS = {"gpuAmount": "gpu", "cpuAmount": "cpu", "diskAmount": "disk"}
_HOUR = timedelta(hours=1)


def billing_params(instance_id: str | None, since: datetime, until: datetime) -> dict[str, str]:
    """The query of GET /v2/billing/pods for the hours between two moments: one pod's, or all pods' (None)."""
    return {
        **({"podId": instance_id} if instance_id else {}),
        "startTime": utc_text(_hour(since)),
        "endTime": utc_text(_hour(until) + _HOUR),
        "bucketSize": "hour",
    }


def lines_of(instance_id: str | None, body: Any, since: datetime, now: datetime) -> list[BilledLine]:  # noqa: ANN401
    """The lines of one pod, or of all (None).

    Raises BadAnswerError when it is no bill, or holds an amount or a time that is none.
    """
    records = body.get("records") if isinstance(body, Mapping) else None
    if not isinstance(records, list):
        raise BadAnswerError("RunPod: the billing records cannot be read", hint="try again later: cloudgpu cost")
    try:
        mine = [record for record in records if instance_id in (None, record.get("podId"))]
        return [line for record in mine for line in _lines(record, since, now)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadAnswerError(
            f"RunPod: a billing record cannot be read: {error!r}", hint="see the console's billing"
        ) from error


def _lines(record: Mapping[str, Any], since: datetime, now: datetime) -> Iterator[BilledLine]:
    start = max(_moment(in_dollars(record)["startTime"]), since)
    end = max(start, min(_moment(record["endTime"]), now))
    pod_id, told = str(record["podId"]), ZERO
    for field, meter in _METERS.items():
        amount = _amount(record.get(field) or 0)
        told += amount
        if amount:
            yield BilledLine(instance_id=pod_id, meter=meter, start=start, end=end, usd=amount)
    rest = _amount(record["totalAmount"]) - told
    if rest:
        yield BilledLine(instance_id=pod_id, meter="other", start=start, end=end, usd=rest)


def _amount(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{value!r} is no amount")
    return usd(value)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
