"""How busy, full and hot the cards of an instance are, as its provider tells."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuLoad:
    """Percent of time at work, percent of GPU memory in use, degrees Celsius: the highest of all cards.

    None: the provider does not tell. Vast.ai tells load and temperature, RunPod load and memory.
    """

    util_percent: float | None = None
    memory_percent: float | None = None
    temperature_c: float | None = None

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return asdict(self)

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "GpuLoad":
        """What `as_body` wrote. Raises TypeError when it is not one."""
        return GpuLoad(**body)


def load_of(util: Sequence[object], memory: Sequence[object], temperature: Sequence[object]) -> GpuLoad | None:
    """The load from what a provider sent of each card; None when none of it can be meant."""
    found = GpuLoad(
        util_percent=_highest(util, 100), memory_percent=_highest(memory, 100), temperature_c=_highest(temperature, 150)
    )
    return None if found == GpuLoad() else found


def _highest(values: Sequence[object], most: int) -> float | None:
    """Vast.ai says -1 for unknown; what is no number, or none that a card can have, is left out."""
    known = [float(v) for v in values if isinstance(v, int | float | Decimal) and not isinstance(v, bool)]
    return max((value for value in known if 0 <= value <= most), default=None)
