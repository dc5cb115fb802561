"""Everything that counts at one moment, read past the code under test."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.campaign.migrate.record import Record
from tests.campaign.truth import Truth


@dataclass(frozen=True, slots=True)
class Traffic:
    """Where requests may go, by instance: `weighted` have a share, `standby` stand by. `running` None: no gateway.

    `busy` still answer what the gateway has sent them.
    """

    weighted: frozenset[str]
    standby: frozenset[str]
    running: bool | None
    busy: frozenset[str] = frozenset()

    @property
    def may_reach(self) -> frozenset[str]:
        """Every instance that a request can end on."""
        return self.weighted | self.standby | self.busy

    def reaches(self, well: frozenset[str]) -> frozenset[str]:
        """Where requests end now: a proxy leaves out who does not answer, an address does not."""
        if self.running is False:
            return frozenset()
        return self.weighted & well or self.standby & well


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """`well` are the instances that answer, `destroys` the ids of every destroy that the providers have received."""

    truth: Truth
    record: Record
    traffic: Traffic
    well: frozenset[str]
    destroys: Sequence[str]

    @property
    def alive(self) -> frozenset[str]:
        """What exists of ours."""
        return frozenset(self.truth.alive_ours)

    @property
    def ending(self) -> frozenset[str]:
        """Whose end is being asked for, as the journal says it beforehand."""
        found = (each.instance_id for each in self.record.lives if each.state == "destroying")
        return frozenset(each for each in found if each)

    def instance(self, name: str) -> str | None:
        """The newest life of that name that nobody ended."""
        life = self.record.living(name)
        return life.instance_id if life else None
