"""Where a command's `-o FILE` goes: stdout, or a file that is written whole or not at all, the same for every command.

A file with content is replaced only with `--force`; one that is empty, or is not there yet, is written.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cloudgpu.base.errors import BadFileError, UsageError
from cloudgpu.base.whole_file import place_of, write_whole, write_whole_with

Force = Annotated[bool, typer.Option("--force", help="Write over a file that exists.")]

_HINT = "choose another place"


def check_place(output: Path | None, *, force: bool, binary: bool = False) -> None:
    """Refuse a place that cannot be written before any work is done. `binary`: stdout will not do.

    Raises UsageError for a file with content without `force`, BadFileError for one that cannot be written, and for a
    device or a pipe: nothing takes the place of `/dev/null`.
    """
    if output is None:
        if binary:
            raise UsageError("this needs a file to write to", hint="name one with -o")
        return
    try:
        _check_file(output, force=force)
    except OSError as error:
        why = error.strerror or error
        raise BadFileError(f"{output} cannot be written: {why}", hint="to print, leave the option out") from None


def _check_file(output: Path, *, force: bool) -> None:
    if output.is_dir():
        raise BadFileError(f"{output} is a folder", hint="name a file")
    place = place_of(output)
    if not place.parent.is_dir():
        raise BadFileError(f"there is no folder {place.parent} to write {place.name} into", hint="make it first")
    if place.exists() and place.stat().st_size and not force:
        raise UsageError(f"{output} exists already", hint="add --force to write over it, or choose another name")
    for each in (place, place.parent):
        if each.exists() and not os.access(each, os.W_OK):
            raise BadFileError(f"{output} cannot be written: {_why_not(each)}", hint=_HINT)


def _why_not(place: Path) -> str:
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        return "its file system is mounted read-only"
    return f"you may not write {'into the folder' if place.is_dir() else 'to'} {place}"


def write(text: str, output: Path | None) -> None:
    """The whole text to stdout, or to a file. Raises BadFileError."""
    if output is None:
        sys.stdout.write(text)
        return
    with_file(lambda: write_whole(output, text), output)


def write_with(writer: Callable[[Path], None], output: Path) -> None:
    """Let a writer make the file: the whole one or nothing. Raises BadFileError, and what the writer raises."""
    with_file(lambda: write_whole_with(output, writer), output)


def with_file(act: Callable[[], None], output: Path) -> None:
    """Do what writes this file; what the system refuses becomes a BadFileError that names it."""
    try:
        act()
    except OSError as error:
        why = error.strerror or str(error)
        raise BadFileError(f"{output} cannot be written: {why}", hint=_HINT) from None
