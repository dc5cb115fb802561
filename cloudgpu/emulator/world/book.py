"""The facts of a world, and the one way to change them: on disk before anybody hears of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from cloudgpu.base.clock import Clock
from cloudgpu.emulator.fleet.change import MarketChange
from cloudgpu.emulator.instances.instance import Instance
from cloudgpu.emulator.world.file import WorldState, load_world, save_world


class WorldBook:
    """Opens the saved facts at `path`, or begins with `new` at this moment; without a path all stays in memory.

    Raises BadFileError for a file that is damaged.
    """

    def __init__(self, path: Path | None, clock: Clock, new: Callable[[datetime], WorldState]) -> None:
        self._path, self._clock = path, clock
        saved = None if path is None else load_world(path)
        self.state = saved or new(clock.now())

    def now(self) -> datetime:
        """The time on the market's clock."""
        return self._clock.now()

    def commit(self, state: WorldState) -> None:
        """Let this be the facts, as of now."""
        self.state = replace(state, saved_at=self.now())
        if self._path is not None:
            save_world(self.state, self._path)

    def instances(self) -> tuple[Instance, ...]:
        """The account's instances, oldest first; destroyed ones are not among them."""
        return tuple(instance for instance in self.state.instances if instance.alive)

    def instance(self, instance_id: int) -> Instance | None:
        """One living instance."""
        return next((each for each in self.instances() if each.instance_id == instance_id), None)

    def put(self, changed: Instance) -> None:
        """Let an instance be as given, in the place of what it was."""
        instances = tuple(changed if i.instance_id == changed.instance_id else i for i in self.state.instances)
        self.commit(replace(self.state, instances=instances))

    def change_market(self, change: MarketChange) -> None:
        """Add one change to those of the market."""
        self.commit(replace(self.state, market_changes=(*self.state.market_changes, change)))
