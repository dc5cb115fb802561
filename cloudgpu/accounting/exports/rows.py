"""The rows of every export: one per instance, purpose and hour of UTC, checked to hold all of the money."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from cloudgpu.accounting.charge import Charge, Meter, Purpose, Source, by_hour, hour_of
from cloudgpu.accounting.served import TokenTally
from cloudgpu.accounting.tally import total
from cloudgpu.base.clock import utc_text
from cloudgpu.base.money import ZERO, exact_text


@dataclass(frozen=True, slots=True, kw_only=True)
class HourRow:
    """What one instance of a deployment cost in one hour of UTC, in exact dollars.

    `hours` is the part of the hour in which the GPU was charged, once for all cards of the machine; a row of a loading
    or stopped instance has 0 hours and its disk. `source` is the least certain source of anything in the row.
    `migration` is the migration whose price it is, None when it simply served. Tokens are what the engine counted in
    that hour, None where its counters were not read; `seen_hours` is the part of `hours` whose tokens are known.
    `disk_split_source` is as `Line` has it: bills know `disk_usd` and `disk_stopped_usd` as one sum.
    """

    deployment: str
    provider: str
    instance_id: str | None
    model: str
    gpu: str
    hour: datetime
    hours: Decimal
    gpu_usd: Decimal
    disk_usd: Decimal
    disk_stopped_usd: Decimal
    download_usd: Decimal
    upload_usd: Decimal
    fee_usd: Decimal
    total_usd: Decimal
    source: Source
    purpose: Purpose
    migration: str | None
    prompt_tokens: int | None = None
    generation_tokens: int | None = None
    seen_hours: Decimal | None = None
    disk_split_source: Source | None = None


COLUMNS = tuple(field.name for field in fields(HourRow))
NUMBERS = ("hours", *(f"{meter.value}_usd" for meter in Meter), "total_usd")
"""The columns of hours and dollars, which every row has."""

TOKENS = ("prompt_tokens", "generation_tokens")

RowKey = tuple[datetime, str, str, str, str]
"""Hour, deployment, token of the life, purpose and migration."""


def hour_rows(
    charges: Sequence[Charge], counted: Mapping[RowKey, TokenTally] = MappingProxyType({})
) -> tuple[HourRow, ...]:
    """The rows, by hour, then deployment, then life. Their sum is exactly the sum of the charges.

    `counted` holds what engines counted, by `row_key`.
    Raises ArithmeticError if it were not: a file with wrong totals must never be written.
    """
    groups: dict[RowKey, list[Charge]] = {}
    for piece in by_hour(charges):
        groups.setdefault(row_key(piece), []).append(piece)
    rows = tuple(_row(groups[key], counted.get(key)) for key in sorted(groups))
    _check(charges, rows)
    return rows


def row_texts(row: HourRow) -> dict[str, str | None]:
    """The row as text: decimal digits without exponent, times in UTC with a Z. None stays None."""
    return {name: _text(getattr(row, name)) for name in COLUMNS}


def totals(rows: Iterable[HourRow]) -> dict[str, str | None]:
    """The exact sums of the columns that can be summed, as text; None for tokens that nobody counted."""
    listed = tuple(rows)
    return {name: _sum([getattr(row, name) for row in listed]) for name in (*NUMBERS, *TOKENS)}


def row_key(piece: Charge) -> RowKey:
    """The row that a charge within one hour belongs to."""
    return hour_of(piece.start), piece.deployment, piece.token, piece.purpose.value, piece.migration or ""


def _sum(values: Sequence[Decimal | int | None]) -> str | None:
    known = [Decimal(value) for value in values if value is not None]
    return exact_text(sum(known, ZERO)) if known or not values else None


def _row(pieces: Sequence[Charge], counted: TokenTally | None) -> HourRow:
    first, line = pieces[0], total("", pieces)
    usd = line.usd_by_meter
    return HourRow(
        deployment=first.deployment, provider=first.provider, instance_id=first.instance_id, model=first.model,
        gpu=first.gpu, hour=hour_of(first.start), hours=line.machine_hours, gpu_usd=usd[Meter.GPU],
        disk_usd=usd[Meter.DISK], disk_stopped_usd=usd[Meter.DISK_STOPPED], download_usd=usd[Meter.DOWNLOAD],
        upload_usd=usd[Meter.UPLOAD], fee_usd=usd[Meter.FEE], total_usd=line.total_usd, source=line.source,
        purpose=first.purpose, migration=first.migration,
        prompt_tokens=counted.prompt_tokens if counted else None,
        generation_tokens=counted.generation_tokens if counted else None,
        seen_hours=counted.seen_hours if counted else None, disk_split_source=line.disk_split_source,
    )  # fmt: skip


def _check(charges: Iterable[Charge], rows: Iterable[HourRow]) -> None:
    charged, exported = sum((c.usd for c in charges), ZERO), sum((row.total_usd for row in rows), ZERO)
    if charged != exported:
        raise ArithmeticError(f"the rows sum up to {exported}, the ledger to {charged}")


def _text(value: object) -> str | None:
    if isinstance(value, Decimal):
        return exact_text(value)
    if isinstance(value, datetime):
        return utc_text(value)
    return None if value is None else str(value)
