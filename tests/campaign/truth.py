"""What is really so, read past the code under test: the journal's rows by SQL, the emulator's instances by its bill."""

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_OURS = re.compile(r"cloudgpu-(?P<store>[0-9a-f]{8})-(?P<name>.+)-[0-9a-f]{12}-\d{8}T\d{4}Z")
_TABLES = {"about", "deployments", "migrations"}
_FINAL = ("gone", "abandoned")
_LOADING = ("provisioning", "starting", "loading")
_UNSETTLED = ("creating", "uncertain", "destroying", "cleanup_failed")


@dataclass(frozen=True, slots=True)
class Row:
    """A deployment as the journal has it."""

    token: str
    name: str
    state: str
    instance_id: str | None
    served: bool

    @property
    def lives(self) -> bool:
        """It may exist."""
        return self.state not in _FINAL

    @property
    def unsettled(self) -> bool:
        """It may bill, and nobody can vouch for it."""
        return self.state in _UNSETTLED

    @property
    def loads(self) -> bool:
        """It is on its way to its first answer: while no command waits for it, it bills and nobody looks."""
        return self.state in _LOADING and not self.served


@dataclass(frozen=True, slots=True)
class Truth:
    """Journal and market at one moment. `alive` holds label by instance id, strangers' instances too.

    `store_id` is None while there is no journal.
    """

    store_id: str | None
    rows: Sequence[Row]
    alive: Mapping[str, str | None]

    @property
    def alive_ours(self) -> set[str]:
        """The instances that exist under a label of this very journal."""
        return {each for each, label in self.alive.items() if self._name(label) is not None}

    @property
    def known(self) -> set[str]:
        """The instances that the journal takes for alive."""
        return {row.instance_id for row in self.rows if row.lives and row.instance_id}

    def alive_of(self, name: str) -> list[str]:
        """The instances that exist under the labels of this name."""
        return [each for each, label in self.alive.items() if self._name(label) == name]

    def living(self, name: str) -> list[Row]:
        """The rows of that name that are not final."""
        return [row for row in self.rows if row.name == name and row.lives]

    def is_ours(self, label: str | None) -> bool:
        """Whether a label was made by this journal."""
        return self._name(label) is not None

    def _name(self, label: str | None) -> str | None:
        match = _OURS.fullmatch(label or "")
        return match["name"] if match and match["store"] == self.store_id else None


@contextmanager
def opened(journal: Path) -> Iterator[sqlite3.Connection | None]:
    """The journal's file, to be read with plain SQL; None while there is none, or none of its tables."""
    if not journal.exists():
        yield None
        return
    connection = sqlite3.connect(journal)
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        yield connection if tables >= _TABLES else None  # it was killed while it made them
    finally:
        connection.close()


def truth_of(connection: sqlite3.Connection | None, alive: Mapping[str, str | None]) -> Truth:
    """What stands in the journal, beside what the emulator says."""
    if connection is None:
        return Truth(None, (), alive)
    found = connection.execute("SELECT value FROM about WHERE name = 'store_id'").fetchone()
    rows = connection.execute("SELECT token, name, state, body FROM deployments ORDER BY since, token").fetchall()
    return Truth(found and found[0], tuple(_row(*row) for row in rows), alive)


def read_truth(journal: Path, alive: Mapping[str, str | None]) -> Truth:
    """The same, of a file."""
    with opened(journal) as connection:
        return truth_of(connection, alive)


def _row(token: str, name: str, state: str, body: str) -> Row:
    told = json.loads(body)
    return Row(token, name, state, told["instance_id"], told["ready_at"] is not None)
