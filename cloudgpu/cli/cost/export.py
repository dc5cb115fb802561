"""`cloudgpu cost export`: the ledger as a file, exact to the last digit."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudgpu.cli.cost.report import Offline, Since, Until
from cloudgpu.cli.out_file import Force, check_place, write, write_with

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudgpu.accounting.exports.book import Book


class FileFormat(StrEnum):
    """The formats of `cost export`. The last three are files only; xlsx and parquet need an extra."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    MARKDOWN = "md"
    HTML = "html"
    FOCUS = "focus"
    XLSX = "xlsx"
    PARQUET = "parquet"


def export(
    file_format: Annotated[FileFormat, typer.Option("--format", "-f", help="The form of the file.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; without it, stdout.")] = None,
    since: Since = None,
    until: Until = None,
    force: Force = False,
    offline: Offline = False,
    json: Annotated[bool, typer.Option("--json", help="Say what was written as JSON; needs -o.")] = False,
) -> None:
    """Write what was spent to a file: one row per instance and hour of UTC, or a report to read (md, html).

    `focus` is FOCUS 1.2 as CSV, with its metadata beside it in FILE.metadata.json.
    """
    from cloudgpu.accounting.exports.book import open_book
    from cloudgpu.cli.cost.reading import bounded, days, end_of, read
    from cloudgpu.cli.full_journal import acted, end_of_report
    from cloudgpu.cli.session import open_session

    check_place(output, binary=file_format in _WRITERS or json, force=force)
    if output is not None and file_format is FileFormat.FOCUS:
        check_place(_metadata_place(output), force=force)
    first, last = days(since, until)
    session = open_session()
    history, moments, notes, unasked = acted(session, lambda: read(session, offline=offline))
    book = open_book(history, bounded(moments, last), first, moments if last else None)
    written = _write(book, file_format, output)
    _say(book, written, notes, json=json)
    end_of(book.report.billing_now, unasked=unasked)
    end_of_report(session)


def _write(book: "Book", file_format: FileFormat, output: Path | None) -> list[Path]:
    """Write the file, or print it; the files that were written."""
    if output is None:
        write(_texts(file_format)(book), None)
        return []
    if file_format in _WRITERS:
        write_with(lambda path: _writer(file_format)(book, path), output)
        return [output]
    write(_texts(file_format)(book), output)
    if file_format is not FileFormat.FOCUS:
        return [output]
    from cloudgpu.accounting.exports.focus import metadata_text

    beside = _metadata_place(output)
    write(metadata_text(output.name, book.as_of), beside)
    return [output, beside]


def _metadata_place(output: Path) -> Path:
    return output.with_name(f"{output.name}.metadata.json")


_WRITERS = (FileFormat.XLSX, FileFormat.PARQUET)


def _texts(file_format: FileFormat) -> "Callable[[Book], str]":
    # only the one that is asked for is loaded
    match file_format:
        case FileFormat.JSON:
            from cloudgpu.accounting.exports.json import json_text

            return lambda book: json_text(book.rows, book.as_of)
        case FileFormat.JSONL:
            from cloudgpu.accounting.exports.json import jsonl_text

            return lambda book: jsonl_text(book.rows)
        case FileFormat.MARKDOWN:
            from cloudgpu.accounting.exports.markdown import markdown_text

            return markdown_text
        case FileFormat.HTML:
            from cloudgpu.accounting.exports.html import html_text

            return html_text
        case FileFormat.FOCUS:
            from cloudgpu.accounting.exports.focus import focus_text

            return focus_text
    from cloudgpu.accounting.exports.csv import csv_text

    return lambda book: csv_text(book.rows)


def _writer(file_format: FileFormat) -> "Callable[[Book, Path], None]":
    if file_format is FileFormat.XLSX:
        from cloudgpu.accounting.exports.xlsx import write_xlsx

        return write_xlsx
    from cloudgpu.accounting.exports.parquet import write_parquet

    return write_parquet


def _say(book: "Book", written: list[Path], notes: list[str], *, json: bool) -> None:
    from cloudgpu.accounting.exports.rows import totals
    from cloudgpu.cli import render

    sums = totals(book.rows)
    if json:
        return render.out_json({"files": written, "rows": len(book.rows), "totals": sums, "notes": notes})
    for note in notes:
        render.progress(note)
    if written:
        files = " and ".join(str(path) for path in written)
        count = len(book.rows)
        render.progress(f"{count} {'row' if count == 1 else 'rows'}, ${sums['total_usd']} in {files}")
    return None
