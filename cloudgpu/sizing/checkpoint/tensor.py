"""One stored tensor: its name, number format, shape and bytes."""

from dataclasses import dataclass
from math import prod

PLAIN_DTYPES = frozenset({"F64", "F32", "F16", "BF16"})
"""Formats whose numbers an engine casts to the width it serves in; everything else stays packed."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor as a header describes it. `stored_bytes` is its length in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    stored_bytes: int

    @property
    def elements(self) -> int:
        """Numbers in the tensor; of packed formats those of the container (two 4-bit numbers an I8)."""
        return prod(self.shape)

    @property
    def is_plain(self) -> bool:
        """Whether it holds ordinary floating point numbers."""
        return self.dtype in PLAIN_DTYPES
