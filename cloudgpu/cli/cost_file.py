"""Where an export goes: stdout, or a file that is written whole or not at all."""

import os
import sys
import tempfile
from pathlib import Path

from cloudgpu.base.errors import BadFileError


def check_place(output: Path | None) -> None:
    """Refuse a place that cannot be written before any work is done."""
    if output is None:
        return
    folder = output.parent
    if not folder.is_dir():
        raise BadFileError(f"there is no folder {folder} to write {output.name} into", hint="make it first")
    if output.is_dir():
        raise BadFileError(f"{output} is a folder", hint="name a file: -o costs.csv")
    if (output.exists() and not os.access(output, os.W_OK)) or not os.access(folder, os.W_OK):
        raise BadFileError(f"{output} cannot be written", hint="choose another place with -o")


def write(text: str, output: Path | None) -> None:
    """The whole file or nothing: written beside it first, then put in its place."""
    if output is None:
        sys.stdout.write(text)
        return
    beside: str | None = None
    try:
        handle, beside = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.replace(beside, output)
    except OSError as error:
        if beside:
            Path(beside).unlink(missing_ok=True)
        raise BadFileError(
            f"{output} cannot be written: {error.strerror}", hint="choose another place with -o"
        ) from None
