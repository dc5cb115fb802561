"""Whose turn it is to call: calls with one key keep their distance, those of other commands on this machine too."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cloudgpu.base.secret import Secret

_MINUTE_S = 60.0
_ATTEMPTS = 20
_AGAIN_S = 0.01


@dataclass(slots=True)
class Turns:
    """The turns of one key. `path` is the file that all commands share; None, or one that cannot be used: nobody does.

    Times are seconds of `Clock.elapsed`, which processes of one machine share. What the file says of a moment more than
    a minute ahead was written before a restart, and counts for nothing. Nothing that is kept here is worth a failure.
    """

    path: Path | None = None
    _own: dict[str, Any] = field(default_factory=dict)
    _alone: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def take(self, endpoint: str, least_s: float, now_s: float) -> float:
        """When this endpoint may be called: now or later, at least so long after the call before. Counts the call."""
        with self._book() as book:
            last_s = _moment(book.get(endpoint), now_s)
            free_s = now_s if last_s is None else last_s + least_s
            turn_s = max(now_s, free_s, _moment(book.get(_CLOSED), now_s) or now_s)
            book[endpoint] = turn_s
            book[_CALLS] = [*_recent(book, now_s), turn_s]
        return turn_s

    def close(self, until_s: float | None) -> None:
        """Let nobody have a turn before this moment; None: the provider has room again."""
        with self._book() as book:
            book[_CLOSED] = until_s

    def last_minute(self, now_s: float) -> int:
        """How many calls were made in the last minute, by every command that shares this."""
        with self._book() as book:
            return sum(each <= now_s for each in _recent(book, now_s))

    @contextlib.contextmanager
    def _book(self) -> Iterator[dict[str, Any]]:
        with self._alone, contextlib.ExitStack() as held:
            descriptor = self._open(held)
            if descriptor is not None:
                self._own = _read(descriptor)
            yield self._own
            if descriptor is not None:
                with contextlib.suppress(OSError):  # a full disk
                    _write(descriptor, self._own)

    def _open(self, held: contextlib.ExitStack) -> int | None:
        """The file, locked; None where there is none to be had: a read-only folder, or its holder was put to sleep."""
        if self.path is None:
            return None
        try:
            descriptor = _opened(self.path)
        except OSError:
            return None
        held.callback(os.close, descriptor)
        return descriptor if _locked(descriptor) else None


def turns_file(state_dir: Path, provider: str, key: Secret) -> Path:
    """Where the turns of this key are kept. The name tells keys apart and tells none of them."""
    fingerprint = sha256(f"{provider} {key.reveal()}".encode()).hexdigest()[:16]
    return state_dir / "calls" / f"{provider}-{fingerprint}.json"


_CLOSED, _CALLS = ".closed_until_s", ".calls_s"


def _moment(value: object, now_s: float) -> float | None:
    return float(value) if isinstance(value, int | float) and value <= now_s + _MINUTE_S else None


def _recent(book: dict[str, Any], now_s: float) -> list[float]:
    known = book.get(_CALLS)
    numbers = [each for each in known if isinstance(each, int | float)] if isinstance(known, list) else []
    return [each for each in numbers if now_s - _MINUTE_S < each <= now_s + _MINUTE_S]


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:  # the very first call
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _locked(descriptor: int) -> bool:
    try:
        import fcntl  # not on every platform; without it each process keeps its own distances
    except ImportError:
        return False
    for _ in range(_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            time.sleep(_AGAIN_S)
    return False


def _read(descriptor: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(descriptor, 1_000_000, 0) or b"{}")
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(descriptor: int, book: dict[str, Any]) -> None:
    text = json.dumps(book).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text, 0)
