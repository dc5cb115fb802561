"""Finds the package data: `templates/` and `offers/` at the top of a checkout, `_data/` inside an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def data_dir(name: str) -> Path:
    """The folder `templates` or `offers`. Raises FileNotFoundError when the installation is broken."""
    for folder in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the package data folder {name!r} is missing from this installation")
