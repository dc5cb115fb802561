"""What the migrate commands share: which migration is meant, which deployments there are, and the acts on them."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import CloudgpuError, ConflictError, NotFoundError, StoppedByUserError, UsageError
from cloudgpu.cli import render
from cloudgpu.cli.awake import awake
from cloudgpu.cli.deployment_view import progress_detail
from cloudgpu.cli.failed_machine import leave_alone
from cloudgpu.cli.interrupt import end_like_ctrl_c
from cloudgpu.cli.migrate.standing import standing, tell_unserved
from cloudgpu.cli.session import Session
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.running_acts import RunningActs
from cloudgpu.running.deployment import Deployment, DeploymentState, Progress, UpRequest, refresh
from cloudgpu.sizing.models import resolve_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudgpu.moving.hook import HookResult

LOOK = "look at the sides"
"""What a process does that will let go in a moment."""

_LOOK_ATTEMPTS = 60
_LOOK_S = 0.5


def the_old_side(session: Session, name: str) -> Deployment:
    """The living deployment that `--from` means: its name, or the name of a model that only one of them serves.

    Looks at its provider. Raises NotFoundError, UsageError when several serve that model, ConflictError when it is not
    ready or not in charge of its service.
    """
    found = _named(session.store.deployments(), name)
    clock = session.clock(found.provider)
    found = awake(session, refresh(found, session.provider(found.provider), session.store, clock, session.emit))
    if found.state is not DeploymentState.READY:
        raise ConflictError(
            f"{found.name} is {found.state.value}, not ready: there is nothing to migrate from",
            hint="see: cloudgpu status",
        )
    return found


def check_in_charge(session: Session, old: Deployment) -> None:
    """Raise ConflictError unless the service's address points to the deployment, or to nothing yet."""
    service = session.store.service(old.service)
    if service is None:
        raise ConflictError(f"the journal knows no service {old.service}", hint="see: cloudgpu status")
    if service.serving not in (None, old.name):
        raise ConflictError(
            f"{service.serving} is in charge of {service.name}, not {old.name}",
            hint=f"cloudgpu migrate --from {service.serving}",
        )


def open_migration(session: Session, service: str) -> Migration | None:
    """The migration of this service that is not closed."""
    body = session.store.open_migration(service)
    return Migration.from_body(body) if body else None


def all_migrations(session: Session) -> list[Migration]:
    """Every migration, in the order they began."""
    return [Migration.from_body(body) for body in session.store.migrations()]


def meant_migration(session: Session, which: str | None) -> Migration:
    """The open migration that is meant: by its id, its service or one of its sides; the only one when nothing is said.

    Raises NotFoundError when there is none, UsageError when there are several.
    """
    found = meant_migrations(session, which)
    if len(found) > 1:
        listed = ", ".join(f"{each.migration_id} ({each.service})" for each in found)
        raise UsageError(
            f"several migrations are open: {listed}",
            hint=f"name one of them, like: cloudgpu migrate status {found[0].service}",
        )
    return found[0]


def meant_migrations(session: Session, which: str | None) -> list[Migration]:
    """Every open migration that is meant: all when nothing is said. A service and an id stand above a side's name.

    Raises NotFoundError when there is none.
    """
    named = [each for each in all_migrations(session) if which in (None, *_names(each))]
    found = [each for each in named if each.is_open]
    if not found:
        raise NotFoundError(
            "no migration is open" if which is None else f"no open migration is called {which}",
            hint=standing(session, named[-1]).hint if named else "see them all: cloudgpu migrate list",
        )
    return [each for each in found if which in (each.migration_id, each.service)] or found


def still_open(session: Session, migration: Migration) -> ConflictError:
    """The error for a second migration of a service: one at a time."""
    return ConflictError(
        f"{migration.service} is in the middle of a migration already: {migration.migration_id}, "
        f"{migration.old.name} → {migration.new.name}, {migration.state}",
        hint=standing(session, migration).hint,
    )


def free_name(session: Session, wanted: str | None, short_name: str) -> str:
    """A name for the new side: the one that was asked for, or the model's with a number when it is taken.

    Raises ConflictError when the asked one is taken, UsageError when it is no name.
    """
    from cloudgpu.running.label import is_name

    taken = {deployment.name for deployment in session.store.deployments()}
    if wanted is not None:
        if not is_name(wanted):
            raise UsageError(f"{wanted!r} is no name for a deployment", hint="lower case letters, digits, . _ -")
        if wanted in taken:
            raise ConflictError(f"a deployment named {wanted} is alive", hint="choose another --name")
        return wanted
    return next(name for name in _numbered(short_name) if name not in taken)


def new_migration_id() -> str:
    """`m-` and eight hexadecimal digits."""
    return f"m-{secrets.token_hex(4)}"


@contextmanager
def at_work(session: Session, migration: Migration, doing: str) -> Iterator[render.Progress]:
    """Hold the service, show progress, and end in good order at Ctrl-C, a closed terminal or a polite kill.

    Raises ConflictError, naming the holder, when another process moves this service; StoppedByUserError that says
    where the migration stands. What fails and leaves nothing that serves says so.
    """
    end_like_ctrl_c()
    try:
        with _turn(session, migration.service, doing), render.live(session.clock(migration.provider)) as progress:
            yield progress
    except KeyboardInterrupt:
        raise stopped(session, read_again(session, migration)) from None
    except CloudgpuError as error:
        with suppress(CloudgpuError):  # a journal that cannot be read hides nothing of what went wrong
            tell_unserved(error, standing(session, read_again(session, migration)))
        raise


@contextmanager
def _turn(session: Session, service: str, doing: str) -> Iterator[None]:
    """Hold the service. A look holds it for moments: it is waited for, another act is not."""
    with ExitStack() as held:
        for left in range(_LOOK_ATTEMPTS, -1, -1):
            try:
                held.enter_context(session.store.lock(f"service:{service}", f"migrate {doing} of {service}"))
                break
            except ConflictError as error:
                if not left or not error.message.startswith(f"migrate {LOOK}"):
                    raise
            SystemClock().sleep(_LOOK_S)
        yield


def stopped(session: Session, migration: Migration) -> StoppedByUserError:
    """The error for Ctrl-C: where the migration stands, that it bills, and what goes on with it."""
    return StoppedByUserError(
        f"stopped; the migration {migration.migration_id} is {migration.state}, and what runs goes on billing",
        hint=standing(session, migration).hint,
    )


def read_again(session: Session, migration: Migration) -> Migration:
    """The migration as it stands in the journal, read under the lock."""
    body = session.store.migration(migration.migration_id)
    return Migration.from_body(body) if body else migration


def acts_on(
    session: Session,
    migration: Migration,
    progress: render.Progress,
    request_for: "Callable[[Migration], UpRequest]",
    hooks: "list[HookResult]",
) -> RunningActs:
    """The acts on rented instances, shown on the progress line; how the hook ended is said and added to `hooks`."""

    def on_progress(told: Progress) -> None:
        leave_alone(session, migration.provider, told)
        progress.phase(told.phase, progress_detail(told), over=told.over)

    def on_hook(result: "HookResult") -> None:
        hooks.append(result)
        _say_hook(result)

    return RunningActs(
        service=migration.service,
        store=session.store,
        state_dir=session.settings.state_dir,
        provider=session.provider,
        clock=session.clock,
        emit=session.emit,
        request_for=request_for,
        on_progress=on_progress,
        on_hook=on_hook,
    )


def _say_hook(result: "HookResult") -> None:
    if result.failure is None:
        return render.progress(f"Hook done: {result.command}")
    render.progress(f"HOOK FAILED: {result.failure}: {result.command}")
    for line in result.output.splitlines():
        render.progress(f"  {line}")
    render.progress("The address has moved all the same.")
    return None


def _named(living: Sequence[Deployment], name: str) -> Deployment:
    exact = [each for each in living if each.name == name]
    found = exact or [each for each in living if each.model == _model_id(name) or each.short_name == name]
    if not found:
        names = ", ".join(each.name for each in living)
        raise NotFoundError(
            f"no deployment named {name} is alive",
            hint=f"alive: {names}" if names else "bring one up first: cloudgpu up MODEL",
        )
    if len(found) > 1:
        names = ", ".join(each.name for each in found)
        raise UsageError(f"several deployments serve {name}: {names}", hint="name one of them: --from NAME")
    return found[0]


def _model_id(name: str) -> str | None:
    try:
        return resolve_model(name).model_id
    except UsageError:
        return None


def _names(migration: Migration) -> tuple[str, ...]:
    return (migration.migration_id, migration.service, migration.old.name, migration.new.name)


def _numbered(short_name: str) -> "Sequence[str]":
    return [short_name, *(f"{short_name}-{number}" for number in range(2, 1000))]
