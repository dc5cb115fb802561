"""GGUF headers: metadata and the list of tensors, read in growing pieces because the vocabulary stands among them.

Source: the format's description in ggml (docs/gguf.md) and ggml's table of block sizes; versions 2 and 3.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudgpu.base.errors import BadFileError
from cloudgpu.sizing.checkpoint.repository import Repository
from cloudgpu.sizing.checkpoint.tensor import StoredTensor

MAGIC = b"GGUF"
FIRST_READ = 2**20
LARGEST_HEADER = 256 * 2**20
LONGEST_KEPT_ARRAY = 4096
"""Longer arrays are vocabularies: their length is kept, not their items."""

BLOCKS = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip
"""Type number to (name, weights in a block, bytes of a block)."""

_NUMBERS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """Metadata (an array too long to keep is its length) and tensors with logical shapes."""

    metadata: Mapping[str, Any]
    tensors: tuple[StoredTensor, ...]


@dataclass(frozen=True, slots=True)
class LongArray:
    """An array of which only the length was kept."""

    length: int


def read_gguf(files: Repository, name: str) -> GgufHeader:
    """The header of a GGUF file. Raises BadFileError for a file that is cut short or no GGUF."""
    reader = _Reader(files, name)
    if reader.take(4) != MAGIC:
        raise BadFileError(f"{name} is no GGUF file", hint="download it again")
    version = reader.number("<I")
    if version not in (2, 3):
        raise BadFileError(f"{name} is GGUF version {version}; versions 2 and 3 can be read", hint="convert it anew")
    tensor_count, key_count = reader.count(), reader.count()
    metadata = {reader.string(): reader.value(reader.number("<I")) for _ in range(key_count)}
    placed = [_tensor(reader) for _ in range(tensor_count)]
    _check_end(reader, metadata, placed)
    return GgufHeader(metadata, tuple(tensor for tensor, _ in placed))


class _Reader:
    """Walks through a header and fetches more of the file whenever it comes to the end of what it has."""

    def __init__(self, files: Repository, name: str) -> None:
        self._files, self.name = files, name
        self._data, self.file_bytes = b"", -1
        self.position = 0

    def take(self, length: int) -> bytes:
        if length > LARGEST_HEADER:
            raise self.damaged()
        while self.position + length > len(self._data):
            self._fetch()
        start, self.position = self.position, self.position + length
        return self._data[start : self.position]

    def number(self, code: str) -> Any:  # noqa: ANN401 - as the format code says
        return struct.unpack(code, self.take(struct.calcsize(code)))[0]

    def count(self) -> int:
        found: int = self.number("<Q")
        if found > LARGEST_HEADER:
            raise self.damaged()
        return found

    def string(self) -> str:
        return self.take(self.count()).decode("utf-8", errors="replace")

    def value(self, kind: int) -> Any:  # noqa: ANN401 - as the file says
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self._array(self.number("<I"), self.count())
        raise self.damaged()

    def damaged(self) -> BadFileError:
        return BadFileError(f"the header of {self.name} is damaged", hint="download it again")

    def _array(self, kind: int, length: int) -> Any:  # noqa: ANN401 - as the file says
        if kind == _ARRAY:  # no writer nests them, and a damaged file could nest them without end
            raise self.damaged()
        if length <= LONGEST_KEPT_ARRAY:
            return [self.value(kind) for _ in range(length)]
        if kind in _NUMBERS:
            self.take(length * struct.calcsize(_NUMBERS[kind]))
        else:
            for _ in range(length):
                self.value(kind)
        return LongArray(length)

    def _fetch(self) -> None:
        have = len(self._data)
        if have >= LARGEST_HEADER:
            raise self.damaged()
        piece = self._files.read(self.name, have, max(have, FIRST_READ))
        if piece.file_bytes is not None:
            self.file_bytes = piece.file_bytes
        if not piece.data:
            raise BadFileError(f"{self.name} is cut short inside its header", hint="download it again")
        self._data += piece.data


def _tensor(reader: _Reader) -> tuple[StoredTensor, int]:
    """(the tensor, where its data ends, counted from the start of the data)."""
    name = reader.string()
    dimensions = reader.number("<I")
    if dimensions > 8:
        raise reader.damaged()
    shape = tuple(reader.count() for _ in range(dimensions))
    kind, offset = reader.number("<I"), reader.number("<Q")
    if kind not in BLOCKS:
        raise BadFileError(
            f"{reader.name} holds a tensor of ggml type {kind}, which is not known",
            hint="update cloudgpu, or take another quantisation of the model",
        )
    type_name, block, size = BLOCKS[kind]
    tensor = StoredTensor(name, type_name, shape, 0)
    stored = tensor.elements // block * size
    return StoredTensor(name, type_name, shape, stored), offset + stored


def _check_end(reader: _Reader, metadata: Mapping[str, Any], placed: list[tuple[StoredTensor, int]]) -> None:
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 1:
        raise reader.damaged()
    start = -(-reader.position // alignment) * alignment
    needed = start + max((end for _, end in placed), default=0)
    if 0 <= reader.file_bytes < needed:
        raise BadFileError(
            f"{reader.name} is cut short: it has {reader.file_bytes:,} bytes, its header promises {needed:,}",
            hint="download it again",
        )
