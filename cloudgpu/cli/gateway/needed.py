"""Whether a migration needs the gateway of its service."""

from cloudgpu.base.errors import ConflictError
from cloudgpu.cli.migrate.standing import standing
from cloudgpu.cli.session import Session
from cloudgpu.moving.migration import Migration


def check_not_needed(session: Session, service: str) -> None:
    """Raise ConflictError while a migration leads requests through it to a side that is left. Calls no network."""
    body = session.store.open_migration(service)
    if body is None:
        return
    now = standing(session, Migration.from_body(body))
    if now.migration.is_sharing and (now.footing.old.is_left or now.footing.new.is_left):
        raise ConflictError(
            f"{service} is in the middle of a migration that needs its gateway", hint=f"close it first: {now.hint}"
        )
