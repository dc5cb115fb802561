"""The journal: events, deployments, services, migrations and locks.

The only wing that talks to a database: SQLite by default (write-ahead log, private file), PostgreSQL by URL. Events are
appended, never changed. Every method is one transaction; what it returned from is on disk.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, cast

from sqlalchemy import Row, bindparam, func, insert, select
from sqlalchemy.exc import IntegrityError

from cloudgpu.base.clock import parse_utc, utc_text
from cloudgpu.base.errors import StoreError
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.secret import Secret
from cloudgpu.running.database import Database, upsert
from cloudgpu.running.lock import Locks
from cloudgpu.running.records import COUNTS_FIRST, Deployment, DeploymentState, Service
from cloudgpu.running.schema import deployments, events, migrations, services

_OVER = ("stable", "aborted")
"""A migration in one of these needs nothing more; every other state does."""

_FINAL = tuple(state.value for state in DeploymentState if state.is_final)

_LIFE = select(deployments.c.body).where(deployments.c.token == bindparam("wanted"))
_ALL = select(deployments.c.body).order_by(deployments.c.since, deployments.c.token)
_LIVING = _ALL.where(deployments.c.state.not_in(_FINAL))
_ANY = select(deployments.c.token).limit(1)
_ADD_EVENT = insert(events)
_EVENTS = select(events).order_by(events.c.seq)
_EVENTS_OF = _EVENTS.where(events.c.deployment == bindparam("wanted"))
_SERVICES = select(services).order_by(services.c.name)
_MIGRATIONS = select(migrations).order_by(migrations.c.seq)


class Store:
    """Opens the journal at `url`, making it at first use. Raises StoreError when it cannot be read or written.

    With `copy`, what was read of it into memory stands in for it: nothing that is written there is kept.
    """

    def __init__(self, url: str, copy: sqlite3.Connection | None = None) -> None:
        self._database = Database(url, copy)
        self.stands_in = copy is not None
        self._locks = Locks(self._database)
        self.store_id, self.layout = (self._database.facts[name] for name in ("store_id", "schema_version"))
        with self._database.reading() as connection:
            rented = connection.execute(_ANY).first() is not None
        if rented:
            self._database.keep_copy()
        self.kind, self.is_kept = self._database.kind, self._database.is_kept

    def append(self, event: Event) -> None:
        """Add one event; it is on disk when this returns."""
        row = {
            "kind": event.kind.value, "at": utc_text(event.at), "deployment": event.deployment,
            "provider": event.provider, "token": event.token, "instance_id": event.instance_id,
            "data": json.dumps(dict(event.data), sort_keys=True),
        }  # fmt: skip
        with self._database.transaction() as connection:
            connection.execute(_ADD_EVENT, row)

    def events(self, deployment: str | None = None) -> list[Event]:
        """Every event in the order it was appended; of one deployment's name when one is given."""
        query, wanted = (_EVENTS, {}) if deployment is None else (_EVENTS_OF, {"wanted": deployment})
        with self._database.reading() as connection:
            return [_event(row) for row in connection.execute(query, wanted)]

    def save_deployment(self, deployment: Deployment) -> None:
        """Keep this state of it; its token is the key. Raises StoreError when its lock may have passed to another."""
        self._locks.check()
        row = {
            "token": deployment.token, "name": deployment.name, "state": deployment.state.value,
            "since": utc_text(deployment.since), "body": json.dumps(deployment.as_body(), sort_keys=True),
        }  # fmt: skip
        with self._database.transaction() as connection:
            upsert(connection, deployments, "token", row)

    def deployment(self, name: str) -> Deployment | None:
        """The one of that name that counts (see `living`), else the latest of that name; None: there never was one."""
        found = [d for d in self.deployments(include_gone=True) if d.name == name]
        return next(iter(_by_rank(found)), next(reversed(found), None))

    def living(self, name: str) -> list[Deployment]:
        """Everything of that name that is not provably gone, the one that counts first: see `COUNTS_FIRST`."""
        return _by_rank([d for d in self.deployments() if d.name == name])

    def life(self, token: str) -> Deployment | None:
        """The deployment with this token, whatever became of it."""
        with self._database.reading() as connection:
            body = connection.execute(_LIFE, {"wanted": token}).scalar_one_or_none()
        return None if body is None else _deployment(body)

    def deployments(self, include_gone: bool = False) -> list[Deployment]:
        """All of them, oldest first; those that are gone or never came to be only when asked for."""
        with self._database.reading() as connection:
            return [_deployment(row.body) for row in connection.execute(_ALL if include_gone else _LIVING)]

    def save_service(self, service: Service) -> None:
        """Keep a service, its key with it (the file is private)."""
        row = {"name": service.name, "api_key": service.api_key.reveal(), "serving": service.serving}
        with self._database.transaction() as connection:
            upsert(connection, services, "name", row)

    def first_service(self, service: Service) -> Service:
        """Keep a service unless there is one of its name already; the one that is kept, with the key that counts."""
        row = {"name": service.name, "api_key": service.api_key.reveal(), "serving": service.serving}
        with suppress(IntegrityError), self._database.transaction() as connection:
            connection.execute(insert(services).values(row))
        return next(each for each in self.services() if each.name == service.name)

    def service(self, name: str) -> Service | None:
        """The service of that name."""
        return next((s for s in self.services() if s.name == name), None)

    def services(self) -> list[Service]:
        """Every service, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(_SERVICES).all()
        return [Service(name=row.name, api_key=Secret(row.api_key), serving=row.serving) for row in rows]

    def key_of(self, deployment: Deployment) -> Secret:
        """What its engine wants to hear: the key it was started with, else its service's. Raises StoreError for none.

        Clients of a service behind a gateway hold another one, the service's, which is on no rented machine.
        """
        service = self.service(deployment.service)
        found = deployment.api_key or (service.api_key if service else None)
        if found is None:
            raise StoreError(f"the journal holds no key for {deployment.name}", hint="restore a copy of the journal")
        return found

    def save_migration(self, migration_id: str, service: str, state: str, body: Mapping[str, Any]) -> None:
        """Keep this state of a migration. It is open until it is stable or aborted."""
        row = {"id": migration_id, "service": service, "state": state, "body": json.dumps(dict(body), sort_keys=True)}
        with self._database.transaction() as connection:
            number = select(migrations.c.seq).where(migrations.c.id == migration_id)
            last = select(func.coalesce(func.max(migrations.c.seq), 0))
            known = connection.execute(number).scalar_one_or_none()
            seq = known if known is not None else connection.execute(last).scalar_one() + 1
            upsert(connection, migrations, "id", {**row, "seq": seq})

    def migration(self, migration_id: str) -> dict[str, Any] | None:
        """The body of a migration, with its `id`, `service` and `state`."""
        return next((m for m in self.migrations() if m["id"] == migration_id), None)

    def open_migration(self, service: str) -> dict[str, Any] | None:
        """The migration of this service that is not over."""
        found = [m for m in self.migrations() if m["service"] == service]
        return next((m for m in reversed(found) if m["state"] not in _OVER), None)

    def migrations(self) -> list[dict[str, Any]]:
        """Every migration, in the order they began."""
        with self._database.reading() as connection:
            rows = connection.execute(_MIGRATIONS).all()
            return [_whole(row.body) | {"id": row.id, "service": row.service, "state": row.state} for row in rows]

    @contextmanager
    def lock(self, name: str, owner: str) -> Iterator[None]:
        """Hold a lock while the block runs; `owner` says what for, in words, to whoever meets it.

        Never waits. Raises ConflictError naming the holder; the lock of a process of this machine that is no more is
        taken over. Entering it again in the same process is free.
        """
        with self._locks.hold(name, owner):
            yield

    def is_locked(self, name: str) -> bool:
        """Whether a process that may live holds this lock now."""
        return self._locks.is_held(name)

    def is_free(self, name: str) -> bool:
        """Whether nobody is known to hold this lock, not even a process that is no more. Keeps nobody out."""
        return self._locks.is_free(name)

    def unlock(self, name: str) -> bool:
        """Remove a lock whose holder is no more, or was on another machine; False when there was none.

        Raises ConflictError when its holder is a process of this machine that lives.
        """
        return self._locks.remove(name)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()


def _by_rank(found: list[Deployment]) -> list[Deployment]:
    living = [each for each in reversed(found) if not each.state.is_final]
    return sorted(living, key=lambda each: COUNTS_FIRST.index(each.state))


def _event(row: Row[Any]) -> Event:
    return Event(
        kind=EventKind(row.kind), at=parse_utc(row.at), deployment=row.deployment, provider=row.provider,
        token=row.token, instance_id=row.instance_id, data=_whole(row.data),
    )  # fmt: skip


def _deployment(body: str) -> Deployment:
    try:
        return Deployment.from_body(_whole(body))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"the journal holds a deployment that cannot be read: {error}", hint="restore a copy of the journal"
        ) from error


def _whole(text: str) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(text))
