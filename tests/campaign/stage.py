"""Where plays are played: the market, the journal, and commands as they are typed."""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.campaign.market import Market
from tests.campaign.process import Process
from tests.campaign.rehearsal import rehearse
from tests.campaign.truth import Row, Truth, read_truth
from tests.campaign.worker import Worker

_DROWSIEST = 16


class Stage:
    """A market, a warmed parent and a folder in memory, on which one play follows the other."""

    def __init__(self) -> None:
        self._memory = Path(tempfile.mkdtemp(prefix="cloudgpu-campaign-", dir=_memory()))
        self.market = Market()
        self._home, self._drowsy = self._memory / "home", 1
        self._home.mkdir()
        rehearse(self._environment(), self.market.clock)
        self._idle: list[Worker] = []

    def close(self) -> None:
        """End the market and remove the folder."""
        for worker in self._idle:
            worker.close()
        self.market.close()
        shutil.rmtree(self._memory)

    def clear(self, market: int, drowsy: int) -> None:
        """A new market, an empty home, and waits that last so many times as long as they are meant to."""
        self._drowsy, self._home = drowsy, self._memory / "home"
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir()
        self.market.begin(market)

    def drowse(self) -> None:
        """From now on nothing is learnt from many looks: waits last as long as they ever do."""
        self._drowsy = max(self._drowsy, _DROWSIEST)

    def start(self, words: Sequence[str], *, calm: bool = False) -> Process:
        """A command as it is typed, in a new process; a calm one, which runs to its end by itself, may share its own.

        What is typed in calm, one word after the other, is most of what is typed, and half of its cost is the fork.
        """
        worker = self._idle.pop() if calm and self._idle else Worker(self.market.clock)
        keep = self._idle.append if calm else None
        return Process(words, self._environment(), self.market.clock, self._drowsy, worker, keep)

    def truth(self) -> Truth:
        """Journal and market as they are now."""
        alive = {each: label for _, each, label, lives in self.market.instances() if lives}
        return read_truth(self._journal(), alive)

    def rows(self) -> Sequence[Row]:
        """The journal alone."""
        return read_truth(self._journal(), {}).rows

    def _journal(self) -> Path:
        return self._home / "state" / "cloudgpu" / "cloudgpu.db"

    def _environment(self) -> Mapping[str, str]:
        return {
            "HOME": str(self._home), "XDG_STATE_HOME": str(self._home / "state"), "PATH": os.environ.get("PATH", ""),
            "XDG_CACHE_HOME": str(self._home / "cache"), "XDG_CONFIG_HOME": str(self._home / "config"),
            "VAST_URL": self.market.url, "VAST_API_KEY": self.market.vast_key,
            "RUNPOD_API_BASE_URL": self.market.url, "RUNPOD_API_KEY": self.market.runpod_key,
        }  # fmt: skip


def _memory() -> str | None:
    """A folder in memory where there is one: a commit to the journal waits for no disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
