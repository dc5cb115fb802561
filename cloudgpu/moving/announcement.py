"""Who is told of a migration's steps: the journal's events, and the hook when clients are sent elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cloudgpu.base.clock import Clock
from cloudgpu.base.events import Emit, Event, EventKind
from cloudgpu.moving import address
from cloudgpu.moving.hook import HookResult, run_hook
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.untold import Untold
from cloudgpu.running.records import Deployment, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Tells. `clock` is a provider's by its name; `on_hook` hears how the hook ended."""

    state_dir: Path
    clock: Callable[[str], Clock]
    emit: Emit
    on_hook: Callable[[HookResult], None]

    def of_state(self, migration: Migration) -> None:
        """That the migration is about to be in this state."""
        self.emit(
            Event(
                kind=EventKind.MIGRATION,
                at=self.clock(migration.provider).now(),
                deployment=migration.new.name,
                provider=migration.provider,
                data={
                    "migration_id": migration.migration_id,
                    "state": migration.state.value,
                    "from": migration.old.name,
                    "to": migration.new.name,
                },
            )
        )

    def of_move(self, migration: Migration, service: Service, to: Deployment) -> Untold | None:
        """That clients of the service are sent to `to` now, and no longer to whom `service` remembers.

        Returns what the hook could not be told; None when it was, or there is none.
        """
        untold = self._tell_hook(migration, service.name, to.name, service.serving)
        self.emit(address_moved(service, of=to, at=self.clock(to.provider).now(), was=service.serving, to=to.name))
        return untold

    def again(self, migration: Migration, before: Untold, to: Deployment) -> Untold | None:
        """The same of a move that is over, to the hook alone."""
        return self._tell_hook(migration, before.service, to.name, before.previous)

    def _tell_hook(self, migration: Migration, service: str, to: str, previous: str | None) -> Untold | None:
        published = address.read(service, self.state_dir)
        if migration.hook is None or published is None:
            return None
        result = run_hook(
            migration.hook,
            {
                "CLOUDGPU_SERVICE": service,
                "CLOUDGPU_DEPLOYMENT": to,
                "CLOUDGPU_PREVIOUS": previous or "",
                "CLOUDGPU_BASE_URL": published.base_url,
                "CLOUDGPU_MODEL": published.model,
                "CLOUDGPU_ENV_FILE": str(address.env_path(service, self.state_dir)),
                "CLOUDGPU_JSON_FILE": str(address.json_path(service, self.state_dir)),
            },
        )
        self.on_hook(result)
        return Untold.after(result, service=service, deployment=to, previous=previous)


def address_moved(service: Service, *, of: Deployment, at: datetime, was: str | None, to: str | None) -> Event:
    """That clients of the service were sent to `was` and are sent to `to` (names; None: nowhere), told of one side."""
    data = {"service": service.name, "from": was, "to": to}
    return Event(kind=EventKind.ADDRESS_MOVED, at=at, deployment=of.name, provider=of.provider, data=data)
