"""What a command needs of the world, opened on first use: settings, the store, providers and their clocks."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from cloudgpu.base.clock import Clock, SystemClock
from cloudgpu.base.errors import CloudgpuError, StoreError
from cloudgpu.base.settings import Settings, read_settings

if TYPE_CHECKING:
    from datetime import datetime

    from cloudgpu.base.events import Event
    from cloudgpu.emulator.process import EmulatorStatus
    from cloudgpu.running.providers import EmulatorAddress
    from cloudgpu.running.providers.base import Provider
    from cloudgpu.running.records import Deployment
    from cloudgpu.running.store import Store

EMULATOR = "emulator"
EMULATED = (EMULATOR, "emulator-runpod")
"""The two providers as the emulator plays them: Vast.ai and RunPod."""

OWN = "docker"
"""A machine of one's own. It needs no key, and is asked only when it is named or something of ours runs there."""

KEYLESS = (*EMULATED, OWN)


@dataclass
class Session:
    """One run of a command. Opens nothing until it is asked for."""

    settings: Settings
    _providers: "dict[str, Provider]" = field(default_factory=dict)
    _read_file: bool = False
    _opened_store: bool = False

    @cached_property
    def store(self) -> "Store":
        """The journal, opened (and made, at first use). Raises StoreError where it would forget what bills."""
        from cloudgpu.running.store import Store  # SQLAlchemy is loaded only by commands that keep something

        self._opened_store = True
        store = Store(self.settings.store_url.value)
        if not store.is_kept:
            raise StoreError(
                "a journal in memory forgets what bills as soon as the command ends",
                hint="let CLOUDGPU_STORE name a file (sqlite:////home/me/cloudgpu.db) or a server, or leave it out",
            )
        return store

    def read_for_the_last_time(self) -> bool:
        """From now on `store` is a copy in memory of what the journal can still be read to say; False when it cannot.

        For what must be removed though the journal takes nothing more: what is written from then on is not kept.
        """
        from cloudgpu.running.journal_file import file_in_memory
        from cloudgpu.running.store import Store  # as above

        url = self.settings.store_url.value
        copy = file_in_memory(url)
        if copy is not None:
            self.__dict__["store"] = Store(url, copy)
        return copy is not None

    @property
    def stands_on_copy(self) -> bool:
        """Whether `store` is such a copy. Opens nothing."""
        return self.may_have_written and self.store.stands_in

    def provider(self, name: str) -> "Provider":
        """The adapter of `vast`, `runpod`, `docker`, `emulator` or `emulator-runpod`.

        Calls no network; raises MissingKeyError without a key.
        """
        if name not in self._providers:
            from cloudgpu.running.providers import open_provider

            self._providers[name] = open_provider(name, self.settings, emulator=self._emulator_address(name))
        return self._providers[name]

    def _emulator_address(self, name: str) -> "EmulatorAddress | None":
        status = self.emulator_status() if name in EMULATED else None
        if status is None:
            return None
        from cloudgpu.running.providers import EmulatorAddress

        return EmulatorAddress(url=status.url, api_key=status.api_key, clock=status.clock())

    def clock(self, name: str) -> Clock:
        """The clock that this provider bills by: the machine's own, or the emulator's faster one."""
        status = self.emulator_status() if name in EMULATED else None
        return status.clock() if status else SystemClock()

    def emit(self, event: "Event") -> None:
        """Append to the journal."""
        self.store.append(event)

    @property
    def may_have_written(self) -> bool:
        """Whether the journal was opened for more than a report."""
        return "store" in self.__dict__

    def events(self) -> "list[Event]":
        """Every event of the journal, by the shortest way: a report need not load what writing takes."""
        if self.may_have_written:
            return self.store.events()
        from cloudgpu.running.journal_file import file_events

        found = file_events(self.settings.store_url.value)
        self._read_file = found is not None
        return self.store.events() if found is None else found

    def looks(self) -> "dict[str, datetime | None]":
        """When each life that is not over was last shown by its provider (None: never); the same short way."""
        if not self.may_have_written:
            from cloudgpu.running.journal_file import file_looks

            found = file_looks(self.settings.store_url.value)
            if found is not None:
                return dict(found)
        return {each.token: each.seen_at for each in self.store.deployments()}

    @property
    def has_read(self) -> bool:
        """Whether this run looked into a journal in which something may be in doubt: then `store` can tell what."""
        if self._read_file and not self.may_have_written:
            return self.in_doubt is not False
        return self._opened_store

    @property
    def in_doubt(self) -> bool | None:
        """Whether the journal's file holds something in doubt, told past the store; None when it cannot be told so."""
        from cloudgpu.running.journal_file import file_in_doubt

        return file_in_doubt(self.settings.store_url.value)

    def emulator_status(self) -> "EmulatorStatus | None":
        """The emulator of this user, None when it was never started. Its process may be dead: calls then fail."""
        from cloudgpu.emulator import process

        return process.status(self.settings.state_dir)

    def ensure_emulator(self) -> None:
        """Start the emulator when it is not running: as fast as it last was. For commands that are asked to use it."""
        from cloudgpu.emulator import process

        last = self.emulator_status()
        if not self.emulator_runs():
            process.start(self.settings.state_dir, speed=last.speed if last else process.DEFAULT_SPEED)

    def emulator_runs(self) -> bool:
        """Whether the emulator answers. One that is stopped is left so by whatever only reads."""
        from cloudgpu.emulator import process

        last = self.emulator_status()
        return last is not None and process.is_alive(last)

    def is_asleep(self, name: str) -> bool:
        """Whether this provider is an emulator that does not run: asking it is of no use, and nothing happens there."""
        return name in EMULATED and not self.emulator_runs()


def open_session(*, vouches: bool = True) -> Session:
    """A session on the environment's settings.

    `vouches` False: for a command that judges a set-up and only looks a name up. Its exit status is its verdict, in CI
    too, whatever else may bill.
    """
    session = Session(read_settings())
    if vouches:
        _opened.append(session)
    return session


def unsettled() -> list[str]:
    """Sentences on what may bill that nobody can vouch for, as the journal has it.

    Looks only where this run of the command opened the journal, so it costs nothing elsewhere.
    """
    return [line for session in _opened if session.has_read for line in _unsettled(session)]


def _unsettled(session: Session) -> list[str]:
    try:
        store = session.store
        if store.stands_in and session.in_doubt:
            return ["the journal holds something in doubt and could not note what became of it: cloudgpu gc"]
        return [
            f"{each.name} may still bill at {each.provider} (instance {each.instance_id or 'unknown'}): cloudgpu gc"
            for each in store.deployments()
            if each.state.is_unsettled and not _is_at_work(store, each)
        ]
    except CloudgpuError as error:
        if session.in_doubt:  # a full disk keeps nobody from reading
            return [f"something may still bill, and it can be neither shown nor settled now: {error.message}"]
        raise


def _is_at_work(store: "Store", deployment: "Deployment") -> bool:
    """Whether a process that lives is just creating or destroying it: then that one vouches for it."""
    from cloudgpu.running.deployment.observe import lock_name  # only where something is unsettled

    return deployment.state.value in ("creating", "destroying") and store.is_locked(lock_name(deployment.name))


_opened: list[Session] = []
