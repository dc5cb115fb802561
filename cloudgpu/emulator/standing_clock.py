"""A clock that stands still until somebody sleeps on it or moves it on: hours pass in no time, and always the same."""

import errno
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloudgpu.base.errors import CloudgpuError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = datetime(2026, 3, 1, tzinfo=UTC)


class StandingClock:
    """The clock kept in the eight bytes of a file; every thread and process that opens the file has the same time.

    Whoever sleeps moves it on at once, for everybody, a killed process included: nothing of it is held anywhere else.
    """

    def __init__(self, path: Path, first: datetime = _FIRST) -> None:
        """Open the clock of `path`; a file that is not there yet is made and shows `first`."""
        self.path = path
        made = not path.exists()
        try:
            with path.open("a+b") as file:
                file.truncate(8)
                self._cells = memoryview(mmap.mmap(file.fileno(), 8)).cast("q")
        except OSError as error:
            if made or error.errno not in (errno.EROFS, errno.EACCES):
                raise
            with path.open("rb") as file:  # on a disk that may only be read it still tells the time
                self._cells = memoryview(mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)).cast("q")
        if made:
            self.set(first)

    def now(self) -> datetime:
        """The time it was last moved to, in UTC."""
        return _EPOCH + timedelta(microseconds=self._cells[0])

    def elapsed(self) -> float:
        """Seconds since 1970 on this clock; never goes back unless the clock is `set`."""
        return self._cells[0] / 1e6

    def sleep(self, seconds: float) -> None:
        """Move it on by so many seconds, at once. Raises CloudgpuError where its file may only be read."""
        with self._alone():
            self._cells[0] += max(0, round(seconds * 1e6))

    def set(self, moment: datetime) -> None:
        """Put it at a moment, an earlier one too: a new story begins. Raises as `sleep` does."""
        with self._alone():
            self._cells[0] = (moment - _EPOCH) // _MICROSECOND

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One mover at a time: a lock of the file, which no killed process can leave behind."""
        descriptor = self._to_move()
        try:
            _lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _to_move(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR)
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES):
                raise
            raise CloudgpuError(
                f"the emulator's clock {self.path} stands, and may only be read: nothing can be waited for",
                hint="let it and its folder be written",
            ) from error


def _lock(descriptor: int) -> None:
    try:
        import fcntl  # not on every platform; without it two who sleep at the same moment may count as one
    except ImportError:
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
