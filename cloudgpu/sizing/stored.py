"""Weights as a checkpoint's own headers state them, by how an engine splits and converts them."""

from dataclasses import dataclass

from cloudgpu.sizing.shape import ParameterGroups


@dataclass(frozen=True, slots=True)
class StoredPart:
    """What the files hold for one part of a model.

    `elements` are plain floating point numbers, which the engine casts to the width it serves in; `packed_bytes` are
    quantised matrices with their scales and zero points, which it keeps as they are.
    """

    elements: int = 0
    packed_bytes: int = 0

    def loaded_bytes(self, plain_bytes: int) -> int:
        """Bytes once loaded, with `plain_bytes` for every plain number."""
        return self.elements * plain_bytes + self.packed_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWeights:
    """All parts of a checkpoint, under the names of `ParameterGroups`.

    `mtp` are speculative layers, in the file but not loaded; `unused_bytes` what no engine loads: a second copy of tied
    embeddings, rope tables, position ids. `file_bytes` counts every tensor as it lies in the files. `origin` says in
    words which headers were read.
    """

    linear: StoredPart
    kv_linear: StoredPart
    replicated_linear: StoredPart
    experts: StoredPart
    embedding: StoredPart
    head: StoredPart
    small: StoredPart
    vision: StoredPart
    mtp: StoredPart
    unused_bytes: int
    file_bytes: int
    origin: str

    @property
    def is_packed(self) -> bool:
        """Whether a matrix is stored in fewer than 16 bits."""
        return any(getattr(self, name).packed_bytes for name in PARTS)

    def counts(self) -> ParameterGroups:
        """Plain numbers by part: the exact parameter count of a checkpoint that packs nothing."""
        return ParameterGroups(**{name: getattr(self, name).elements for name in PARTS})


PARTS = ("linear", "kv_linear", "replicated_linear", "experts", "embedding", "head", "small", "vision", "mtp")
