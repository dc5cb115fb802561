"""What the journal's file holds of a service and its migrations, read with plain SQL past the code under test."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_ENDING = ("destroying", "cleanup_failed", "gone", "abandoned")


@dataclass(frozen=True, slots=True)
class Life:
    """A deployment's one life."""

    token: str
    name: str
    state: str
    instance_id: str | None
    endpoint: str | None

    @property
    def is_left(self) -> bool:
        """Nobody asked for its end."""
        return self.state not in _ENDING


@dataclass(frozen=True, slots=True)
class Record:
    """Deployments and migrations, oldest first."""

    lives: Sequence[Life]
    migrations: Sequence[Mapping[str, Any]]

    @property
    def open(self) -> Mapping[str, Any] | None:
        """The migration that is not closed."""
        return next((each for each in self.migrations if each["state"] not in ("stable", "aborted")), None)

    def instance_at(self, endpoint: str) -> str | None:
        """Whose address that is."""
        found = [each.instance_id for each in self.lives if each.endpoint == endpoint]
        return found[-1] if found else None

    def living(self, name: str) -> Life | None:
        """The newest life of that name whose end nobody asked for."""
        return next((each for each in reversed(self.lives) if each.name == name and each.is_left), None)


def record_of(connection: sqlite3.Connection | None) -> Record:
    """As it stands on disk now; empty while there is no journal."""
    if connection is None:
        return Record((), ())
    lives = connection.execute("SELECT token, name, state, body FROM deployments ORDER BY since, token").fetchall()
    bodies = connection.execute("SELECT body FROM migrations ORDER BY seq").fetchall()
    return Record(tuple(_life(*each) for each in lives), tuple(json.loads(body) for (body,) in bodies))


def _life(token: str, name: str, state: str, text: str) -> Life:
    body = json.loads(text)
    return Life(token, name, state, body["instance_id"], body["endpoint"])
