"""Where files are read from: a folder and the Hub look the same to those who read headers."""

from dataclasses import dataclass
from typing import Protocol

from cloudgpu.base.errors import BadFileError

LARGEST_TEXT = 64 * 2**20
"""An index of 100,000 tensors has 10 MB."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a file, fewer than asked when it ends there. `file_bytes` None: the source does not say."""

    data: bytes
    file_bytes: int | None


class Repository(Protocol):
    """A set of files with random access."""

    @property
    def origin(self) -> str:
        """Which files these are, for sentences: `of the Hub, revision 1a2b3c4` or `in /models/x`."""
        ...

    def names(self) -> tuple[str, ...]:
        """The files at the top of the repository."""
        ...

    def read(self, name: str, start: int, length: int) -> Piece:
        """`length` bytes of a file from `start`. Raises NotFoundError when there is no such file."""
        ...


def read_whole(files: Repository, name: str) -> bytes:
    """All of a small file. Raises BadFileError when it is none."""
    piece = files.read(name, 0, LARGEST_TEXT + 1)
    if len(piece.data) > LARGEST_TEXT:
        raise BadFileError(f"{name} has more than {LARGEST_TEXT // 2**20} MB, too much for a text file")
    return piece.data
