"""Reads a file of offers, whichever of the known shapes it has.

Amounts of money are parsed as decimals; NaN and Infinity, which JSON does not know, count as null.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from cloudgpu.base.errors import BadFileError
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.planning.offers.reference import (
    ReferenceHeader,
    is_reference_header,
    offers_from_reference,
    read_header,
)
from cloudgpu.planning.offers.row import UnreadableRowError
from cloudgpu.planning.offers.runpod import is_runpod_type, offers_from_runpod
from cloudgpu.planning.offers.vast import offers_from_vast, unsaid_notes
from cloudgpu.planning.snapshot import header_notes, is_snapshot_header, offers_from_snapshot

KEYLESS_VAST_ROWS = 64
"""Where Vast.ai cuts the answer to a search without a key; these are not its cheapest offers."""

_SHAPES = (
    "`vastai search offers --raw`, RunPod's gpuTypes or /v2/catalog/gpus answer, or the format of offers/README.md"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OffersFile:
    """What a file held. `header` is None but for our own format."""

    offers: tuple[Offer, ...]
    unreadable: dict[str, int]
    header: ReferenceHeader | None = None
    cut_short: bool = False
    notes: tuple[str, ...] = ()
    is_snapshot: bool = False


def read_offers(path: Path) -> OffersFile:
    """The offers of a file. Raises BadFileError when it cannot be read, is no JSON, or has none of the known shapes."""
    content = _parse(path, _file_text(path))
    if isinstance(content, list) and content and is_reference_header(content[0]):
        return _snapshot(path, content) if is_snapshot_header(content[0]) else _reference(path, content)
    rows = _rows(path, content)
    if any(is_runpod_type(row) for row in rows):
        offers, unreadable = offers_from_runpod(rows)
        return OffersFile(offers=offers, unreadable=unreadable)
    if rows and not any(isinstance(row, dict) and ("gpu_name" in row or "dph_total" in row) for row in rows):
        raise _unknown_shape(path)
    return _vast(rows)


def _vast(rows: Sequence[Any]) -> OffersFile:
    offers, unreadable = offers_from_vast(rows)
    cut_short = len(rows) == KEYLESS_VAST_ROWS
    note = f"The list holds exactly {KEYLESS_VAST_ROWS} rows: without a key Vast.ai stops there, not at the cheapest."
    return OffersFile(offers=offers, unreadable=unreadable, cut_short=cut_short,
                      notes=(note,) * cut_short + unsaid_notes(offers))  # fmt: skip


def _header(path: Path, row: Any) -> ReferenceHeader:  # noqa: ANN401  (the first line of the file)
    try:
        return read_header(row)
    except UnreadableRowError as error:
        raise BadFileError(f"The header of {path} cannot be used: {error.reason}",
                           hint="offers/README.md describes the format") from None  # fmt: skip


def _snapshot(path: Path, content: Sequence[Any]) -> OffersFile:
    header = _header(path, content[0])
    offers, unreadable = offers_from_snapshot(content[1:])
    return OffersFile(offers=offers, unreadable=unreadable, header=header, is_snapshot=True,
                      cut_short=content[0].get("complete") is not True, notes=header_notes(content[0]))  # fmt: skip


def _reference(path: Path, content: Sequence[Any]) -> OffersFile:
    header = _header(path, content[0])
    offers, unreadable = offers_from_reference(header, content[1:])
    return OffersFile(offers=offers, unreadable=unreadable, header=header)


def _file_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadFileError(f"{path} cannot be read: {error.strerror}", hint="check the path") from None
    except UnicodeDecodeError:
        raise BadFileError(f"{path} is no text", hint=f"give a JSON file: {_SHAPES}") from None


def _parse(path: Path, text: str) -> object:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_null)
    except (ValueError, RecursionError) as error:
        lines = _lines(text)
        if lines is not None:
            return lines
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise BadFileError(f"{path} is not JSON{place}", hint=f"known shapes: {_SHAPES}") from None


def _lines(text: str) -> list[Any] | None:
    """JSON lines: only with our header first, and broken lines stay in as rows that cannot be read."""
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        first = json.loads(lines[0], parse_float=Decimal, parse_constant=_null) if lines else None
    except (ValueError, RecursionError):
        return None
    if not is_reference_header(first):
        return None
    return [first, *map(_line, lines[1:])]


def _line(line: str) -> object:
    try:
        return json.loads(line, parse_float=Decimal, parse_constant=_null)
    except (ValueError, RecursionError):
        return None


def _null(_: str) -> None:
    return None


def _rows(path: Path, content: object) -> Sequence[Any]:
    """The list inside of whatever answer it came in."""
    if isinstance(content, dict) and (content.get("error") or content.get("errors")):
        said = str(content.get("msg") or content.get("error") or content.get("errors"))[:200]
        raise BadFileError(f"{path} holds an error of the provider, no offers: {said}", hint="ask again")
    if isinstance(content, dict) and isinstance(content.get("data"), dict):
        content = content["data"]
    if isinstance(content, dict):
        content = next((content[key] for key in ("offers", "gpuTypes", "gpus") if key in content), None)
    if not isinstance(content, list):
        raise _unknown_shape(path)
    return content


def _unknown_shape(path: Path) -> BadFileError:
    return BadFileError(f"{path} is JSON, but no list of offers", hint=f"known shapes: {_SHAPES}")
