"""Safetensors headers: eight bytes of length, that much JSON, then the data.

Source: the format's description at https://github.com/huggingface/safetensors#format. Only the header is read.
"""

import json
from typing import Any

from cloudgpu.base.errors import BadFileError
from cloudgpu.sizing.checkpoint.repository import Repository
from cloudgpu.sizing.checkpoint.tensor import StoredTensor

FIRST_READ = 128 * 1024
"""Of the thousand most used repositories 97 % have a shorter header: one request does."""

LARGEST_HEADER = 100_000_000
"""The limit of the format's own reader."""

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E5M2FNUZ": 8, "F8_E4M3FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip

_LFS_POINTER = b"version https://git-lfs"
_AGAIN = "download it again"


def read_safetensors(files: Repository, name: str) -> tuple[StoredTensor, ...]:
    """The tensors of one safetensors file, from its header alone.

    Raises BadFileError for a file that is cut short, is no safetensors file, or contradicts itself.
    """
    first = files.read(name, 0, FIRST_READ)
    length = _header_length(name, first.data)
    text = first.data[8 : 8 + length]
    if len(text) < length:
        text += files.read(name, 8 + len(text), length - len(text)).data
    if len(text) < length:
        raise BadFileError(f"{name} is cut short inside its header", hint=_AGAIN)
    tensors, data_bytes = _tensors(name, _parsed(name, text))
    if first.file_bytes is not None and first.file_bytes < 8 + length + data_bytes:
        raise BadFileError(
            f"{name} is cut short: it has {first.file_bytes:,} bytes, its header promises {8 + length + data_bytes:,}",
            hint=_AGAIN,
        )
    return tensors


def _header_length(name: str, start: bytes) -> int:
    if start.startswith(_LFS_POINTER):
        raise BadFileError(f"{name} is a Git LFS pointer, not the file itself", hint="fetch it: git lfs pull")
    if len(start) < 8:
        raise BadFileError(f"{name} is cut short: it has {len(start)} bytes", hint=_AGAIN)
    length = int.from_bytes(start[:8], "little")
    if not 2 <= length <= LARGEST_HEADER or start[8:9] not in (b"{", b""):
        raise BadFileError(f"{name} is no safetensors file: its header is not readable", hint=_AGAIN)
    return length


def _parsed(name: str, text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise BadFileError(f"the header of {name} is damaged: it is no JSON object", hint=_AGAIN)
    header.pop("__metadata__", None)
    return header


def _tensors(name: str, header: dict[str, Any]) -> tuple[tuple[StoredTensor, ...], int]:
    """(the tensors, how many bytes of data follow the header)."""
    end = 0
    found = []
    for key, row in header.items():
        tensor, tensor_end = _tensor(name, key, row)
        found.append(tensor)
        end = max(end, tensor_end)
    return tuple(found), end


def _tensor(file: str, key: str, row: object) -> tuple[StoredTensor, int]:
    fields = row if isinstance(row, dict) else {}
    dtype, shape, offsets = fields.get("dtype"), _counts(fields.get("shape")), _counts(fields.get("data_offsets"))
    if isinstance(dtype, str) and shape is not None and offsets is not None and len(offsets) == 2:
        tensor = StoredTensor(key, dtype, shape, offsets[1] - offsets[0])
        if tensor.stored_bytes >= 0 and _has_its_size(tensor):
            return tensor, offsets[1]
    raise BadFileError(f"the header of {file} is damaged: tensor {key!r} contradicts itself", hint=_AGAIN)


def _counts(value: object) -> tuple[int, ...] | None:
    """Whole numbers of a list; None when it is none."""
    if isinstance(value, list) and all(type(number) is int and number >= 0 for number in value):
        return tuple(value)
    return None


def _has_its_size(tensor: StoredTensor) -> bool:
    """Whether bytes and shape agree; a format newer than this list is taken by its bytes."""
    bits = BITS.get(tensor.dtype)
    return bits is None or (tensor.elements * bits + 7) // 8 == tensor.stored_bytes
