"""Vast.ai's charges, read into billed lines."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cloudgpu.base.errors import BadAnswerError
from cloudgpu.base.money import usd
from cloudgpu.running.providers.base import BilledLine
from cloudgpu.running.providers.currency import in_dollars
from cloudgpu.running.providers.pages import Page, all_rows

_METERS = {"gpu": "gpu", "disk": "disk", "storage": "disk", "bwd": "download", "bwu": "upload"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def charges_window(since: datetime, until: datetime) -> dict[str, Any]:
    """The filters of GET /charges/ for everything between two moments: whole days, instances only."""
    return {
        "day": {"gte": int(since.timestamp()) - 86_400, "lte": int(until.timestamp()) + 86_400},
        "type": {"in": ["instance"]},
    }


def read_charges(page: Callable[[str | None], Any]) -> list[Mapping[str, Any]]:
    """The rows of all pages; `page` asks for the one after a token. Raises BadAnswerError when they are no charges."""
    return all_rows(lambda token: _page(page(token)), _bad)


def lines_of(instance_id: str | None, rows: Sequence[Mapping[str, Any]]) -> list[BilledLine]:
    """The lines of one instance, or of all (None). Raises BadAnswerError for an amount or a time that is none."""
    try:
        mine = [row for row in rows if instance_id is None or row.get("source") == f"instance-{instance_id}"]
        return [line for row in mine for line in _lines(row)]
    except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError, OSError) as error:
        raise _bad(f"a charge cannot be read: {error!r}") from error


def _page(body: Any) -> Page:  # noqa: ANN401  (whatever came)
    if not isinstance(body, Mapping) or not isinstance(body.get("results"), list):
        raise _bad("the charges cannot be read")
    return body["results"], str(body["next_token"]) if body.get("next_token") else None


def _lines(row: Mapping[str, Any]) -> Iterator[BilledLine]:
    instance_id = str(in_dollars(row)["source"]).removeprefix("instance-")
    items = row.get("items") or [row]
    for item in map(in_dollars, items):
        start, end = item.get("start") or row["start"], item.get("end") or row["end"]
        meter = _METERS.get(str(item.get("type")), str(item.get("type")))
        yield BilledLine(
            instance_id=instance_id, meter=meter, start=_moment(start), end=_moment(end), usd=usd(item["amount"])
        )


def _moment(stamp: int | Decimal) -> datetime:
    """Seconds since 1970, to the microsecond and without a float in between."""
    return _EPOCH + timedelta(microseconds=int(Decimal(stamp) * 1_000_000))


def _bad(what: str) -> BadAnswerError:
    return BadAnswerError(f"Vast.ai: {what}", hint="try again later, or see the console's billing")
