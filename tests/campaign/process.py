"""A command as it runs, in a worker that has everything loaded, and held at each of its touches.

A touch is a moment before or after the process writes to the journal, asks a provider or replaces a file, and each
wait. There the process says where it is and goes on when it is told to: so whoever plays the story decides whose turn
it is, when time passes and who dies, and the same story always goes the same way. Whoever has nothing to do at the
touches that come next lets it run past them, to where it is to be held again.
"""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cloudgpu.emulator.standing_clock import StandingClock
from tests.campaign.worker import ENDED, Worker


@dataclass(frozen=True, slots=True)
class Halt:
    """Where a process that goes on is held again: at this touch, at each of these places, and at every wait."""

    touch: int = 0
    places: frozenset[str] = frozenset()


NEXT = Halt()
"""At its very next touch."""


class Process:
    """A command that runs. `touch` counts where it stands; `status` is its exit status once it has ended.

    `since` tells at which touch it was first held at a place of that name.

    Its waits last `drowsy` times as long as it meant them to, as on a machine that has other things to do. A worker
    that is left with nothing of it is given to `keep`, for another command; without that, it ends with it.
    """

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], clock: StandingClock, drowsy: int, worker: Worker,
        keep: Callable[[Worker], None] | None = None,
    ) -> None:  # fmt: skip
        self.words = tuple(words)
        self._drowsy, self._worker, self._keep = drowsy, worker, keep
        self.touch = 0
        self.wakes_at_s = 0.0
        self.at = "start"
        self.since: dict[str, int] = {}
        self.status: int | None = None
        self.out = self.err = ""
        worker.begin(words, environment)
        self._hear(clock)

    @property
    def pid(self) -> int:
        """The number of its worker."""
        return self._worker.pid

    @property
    def ended(self) -> bool:
        """Whether it is no more."""
        return self.status is not None

    def go_on(self, clock: StandingClock, shift_s: float = 0.0, halt: Halt = NEXT) -> None:
        """Let it run to where it is to be held, or its end; first correct its machine's time by so many seconds."""
        if not self._worker.say(f"{self.touch} {shift_s!r} {halt.touch} {' '.join(halt.places)}"):
            return self._end()  # a signal ended it while it stood there
        return self._hear(clock)

    def send(self, number: int) -> None:
        """Send it a signal. A kill ends it here and now."""
        os.kill(self.pid, number)
        if number == signal.SIGKILL:
            self._end()

    def _hear(self, clock: StandingClock) -> None:
        said = self._worker.hear()
        if not said:
            return self._end()
        if said[0] == ENDED:
            return self._end(int(said[1]), alone=said[2] == "1")
        self.at, seconds, self.touch = said[0], float(said[1]), int(said[2])
        self.since[self.at] = self.since.get(self.at, self.touch)
        self.wakes_at_s = clock.elapsed() + seconds * self._drowsy
        return None

    def _end(self, status: int | None = None, *, alone: bool = False) -> None:
        """With the status that it told, or the one its worker ended with; `alone`: no thread of it is left."""
        if self._keep is not None and alone:
            self.out, self.err = self._worker.printed()
            self.status = status
            return self._keep(self._worker)
        of_worker = self._worker.close()
        self.status = of_worker if status is None else status
        self.out, self.err = self._worker.printed()
        return self._worker.forget()
