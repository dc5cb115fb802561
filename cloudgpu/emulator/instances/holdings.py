"""What the instances of a world hold and what runs on its bill, worked out once for as long as none of them changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudgpu.base.money import ZERO
from cloudgpu.emulator.instances.billing import Meter, meters
from cloudgpu.emulator.instances.instance import Instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """`taken` has the GPU indexes that living instances hold, by machine index; `meters` all that ever ran or will."""

    taken: Mapping[int, frozenset[int]]
    meters: tuple[Meter, ...]

    def bill_usd(self, start: datetime, end: datetime) -> Decimal:
        """What all of them cost between two times, everything together."""
        return sum((meter.usd(start, end) for meter in self.meters), ZERO)


def holdings_of(instances: Sequence[Instance]) -> Holdings:
    """Those of instances as they are; a destroyed one holds nothing and stays on the bill."""
    taken: dict[int, frozenset[int]] = {}
    for each in instances:
        if each.alive:
            taken[each.machine_index] = taken.get(each.machine_index, frozenset()) | {*each.gpu_indexes}
    return Holdings(taken=taken, meters=tuple(meter for each in instances for meter in meters(each)))
