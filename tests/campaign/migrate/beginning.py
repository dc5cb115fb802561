"""The first words of a tale, typed once for all tales that begin alike: each goes on from a copy of what they left."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from cloudgpu.base.errors import PortInUseError
from tests.campaign.market import Market
from tests.campaign.migrate.tale import Tale
from tests.campaign.migrate.telling import Telling


@dataclass(frozen=True, slots=True)
class _Kept:
    """A home as it was left, the lines that tell of it, and what stood in its journal before any create."""

    home: Path
    lines: tuple[str, ...]
    intended: frozenset[str]


class Beginnings:
    """What is kept of the market and of homes, in a folder. Tales that begin alike: see `_alike`."""

    def __init__(self, market: Market, folder: Path) -> None:
        self._market, self._folder = market, folder
        self._kept: dict[str, _Kept] = {}

    def keep(self, telling: Telling, home: Path) -> None:
        """Keep what this tale has typed so far, unless that broke something."""
        name = _alike(telling.tale)
        if not telling.told.broken:
            kept = _Kept(self._folder / name, tuple(telling.told.lines), frozenset(telling.intended))
            shutil.copytree(home, kept.home, symlinks=True)
            self._market.keep(name)
            self._kept[name] = kept

    def resume(self, telling: Telling, home: Path) -> bool:
        """Let this tale go on where the last one that began alike was kept; False: there is none, it has to begin."""
        name = _alike(telling.tale)
        kept = self._kept.pop(name, None)
        if kept is None:
            return False
        try:
            self._market.go_back(name)
        except PortInUseError:  # an address that everything of it has written down
            shutil.rmtree(kept.home)
            return False
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(kept.home, home, symlinks=True)
        telling.told.lines += kept.lines
        telling.intended |= kept.intended
        self._kept[name] = kept
        return True


def _alike(tale: Tale) -> str:
    """A real proxy is a process of its own, which no copy of a file brings back: its tales begin without one."""
    return f"{tale.market}-{tale.provider}-{tale.begins_with_paper}"
