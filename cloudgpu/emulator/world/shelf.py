"""What an account keeps beside its instances: registries, templates, volumes, clusters, keys."""

from base64 import b32encode
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from cloudgpu.emulator.world.book import WorldBook
from cloudgpu.emulator.world.file import Kept


class Shelf:
    """The things on it are told apart by their kind and an id, and are given back with the id among their fields."""

    def __init__(self, book: WorldBook) -> None:
        self._book = book

    def keep(self, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Keep one more: it is given an id, and given back with it."""
        state = self._book.state
        digest = sha256(f"{kind}:{len(state.kept)}:{state.seed}:{state.opened_at}".encode()).digest()
        made = Kept(kind=kind, key=b32encode(digest).decode().lower()[:10], fields=dict(fields))
        self._book.commit(replace(state, kept=(*state.kept, made)))
        return _row(made)

    def all(self, kind: str) -> list[dict[str, Any]]:
        """What is kept of a kind, oldest first."""
        return [_row(each) for each in self._book.state.kept if each.kind == kind]

    def one(self, kind: str, key: str) -> dict[str, Any] | None:
        """One of them; None when it is not there."""
        return next((row for row in self.all(kind) if row["id"] == key), None)

    def forget(self, kind: str, key: str) -> bool:
        """Keep one no longer; False when it was not there."""
        state = self._book.state
        left = tuple(each for each in state.kept if (each.kind, each.key) != (kind, key))
        self._book.commit(replace(state, kept=left))
        return len(left) < len(state.kept)


def _row(kept: Kept) -> dict[str, Any]:
    return {"id": kept.key, **kept.fields}
