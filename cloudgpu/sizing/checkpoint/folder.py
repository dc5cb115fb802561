"""A model's files on this machine."""

from pathlib import Path

from cloudgpu.base.errors import BadFileError, NotFoundError
from cloudgpu.sizing.checkpoint.repository import Piece


class LocalFiles:
    """A folder, or one weights file standing for a folder that holds nothing else."""

    def __init__(self, path: Path, origin: str | None = None) -> None:
        self._folder = path if path.is_dir() else path.parent
        self._only = None if path.is_dir() else path.name
        self._origin = origin or f"in {self._folder}"

    @property
    def origin(self) -> str:
        """`in <path>`, or what the caller calls it."""
        return self._origin

    def names(self) -> tuple[str, ...]:
        """The files of the folder in alphabetical order."""
        if self._only is not None:
            return (self._only,)
        return tuple(sorted(path.name for path in self._folder.iterdir() if path.is_file()))

    def read(self, name: str, start: int, length: int) -> Piece:
        """See `Repository`. Raises BadFileError when the file cannot be read."""
        path = self._folder / name
        try:
            with path.open("rb") as file:
                file.seek(start)
                return Piece(file.read(length), path.stat().st_size)
        except FileNotFoundError:
            raise NotFoundError(f"{self._folder} has no {name}", hint="download the model again") from None
        except OSError as error:
            raise BadFileError(f"{path} cannot be read: {error.strerror}", hint="check its permissions") from None
