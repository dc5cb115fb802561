"""Where an export goes: stdout, or a file that is written whole or not at all."""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from cloudgpu.base.errors import BadFileError, UsageError


def check_place(output: Path | None, *, binary: bool, force: bool) -> None:
    """Refuse a place that cannot be written before any work is done. `binary`: stdout will not do.

    Raises UsageError for a file with content without `force`, BadFileError for one that cannot be written, and for a
    device or a pipe: an export takes the place of a file, and would take that of `/dev/null` for whoever may.
    """
    if output is None:
        if binary:
            raise UsageError("this needs a file to write to", hint="name one: -o costs.xlsx")
        return
    folder = output.parent
    if not folder.is_dir():
        raise BadFileError(f"there is no folder {folder} to write {output.name} into", hint="make it first")
    if output.is_dir():
        raise BadFileError(f"{output} is a folder", hint="name a file: -o costs.csv")
    if output.exists() and not output.is_file():
        raise BadFileError(f"{output} is no ordinary file", hint="leave -o out to write to stdout")
    if output.exists() and output.stat().st_size and not force:
        raise UsageError(f"{output} exists already", hint="add --force to write over it, or choose another name")
    if (output.exists() and not os.access(output, os.W_OK)) or not os.access(folder, os.W_OK):
        raise BadFileError(f"{output} cannot be written", hint="choose another place with -o")


def write(text: str, output: Path | None) -> None:
    """The whole text to stdout, or to a file."""
    if output is None:
        sys.stdout.write(text)
        return
    write_with(lambda path: _write_text(text, path), output)


def write_with(writer: Callable[[Path], None], output: Path) -> None:
    """Let a writer make the file beside its place, then put it there: the whole file or nothing."""
    beside: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
        os.close(handle)
        beside = Path(name)
        writer(beside)
        os.replace(beside, output)
    except OSError as error:
        why = error.strerror or str(error)
        raise BadFileError(f"{output} cannot be written: {why}", hint="choose another place with -o") from None
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def _write_text(text: str, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
