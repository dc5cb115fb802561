"""A thing that goes wrong on request: what, where, how often. See `kinds` for what there is.

On a call (`on` names it) the answer is replaced or held back. On an instance its life takes another turn, now for the
one named, else for the next created. On an engine its answers are spoilt. On the market, prices or machines change.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

_CERTAIN = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One script. `times` None means for ever; `skip` lets that many matching calls through first.

    `chance` (0..1) strikes only so often, drawn from the world's seed; None always. `seconds` is how long an answer is
    held back (real seconds; on a clock that stands they pass at once), or a state lasts, in the market's. `after_s`
    delays a turn and `for_s` ends it (None: never), in the market's seconds. `factor` multiplies a price or a time.
    `seen` counts the calls that matched.
    """

    on: str
    do: str
    provider: str = "vast"
    fault_id: int = 0
    times: int | None = 1
    skip: int = 0
    chance: float | None = None
    instance_id: str | None = None
    label: str | None = None
    machine_id: int | None = None
    seconds: float = 120.0
    after_s: float | None = None
    for_s: float | None = None
    factor: Decimal = Decimal("1.5")
    rows: int = 64
    tokens: int = 5
    ttft_s: float = 0.2
    tokens_per_s: float = 100.0
    megabytes: int = 200
    seen: int = 0


def met(fault: Fault, seed: int) -> tuple[bool, Fault | None]:
    """A call matches the fault: whether it strikes, and what is left of the fault (None: it is used up).

    The same seed and the same calls give the same strikes.
    """
    if fault.skip > 0:
        return False, replace(fault, skip=fault.skip - 1)
    after = replace(fault, seen=fault.seen + 1)
    if fault.chance is not None and not _drawn(fault, seed) < fault.chance:
        return False, after
    if fault.times is None:
        return True, after
    return True, replace(after, times=fault.times - 1) if fault.times > 1 else None


def first_that_strikes(
    faults: tuple[Fault, ...], matching: Iterable[Fault], seed: int
) -> tuple[Fault | None, tuple[Fault, ...]]:
    """The first of the matching faults that strikes (None: none does), and all faults as they are afterwards."""
    for fault in matching:
        strikes, left = met(fault, seed)
        following = (left if each.fault_id == fault.fault_id else each for each in faults)
        faults = tuple(each for each in following if each is not None)
        if strikes:
            return fault, faults
    return None, faults


def as_row(fault: Fault) -> dict[str, Any]:
    """What is shown of a fault that waits."""
    return {
        "provider": fault.provider,
        "fault_id": fault.fault_id,
        "on": fault.on,
        "do": fault.do,
        "times": fault.times,
        "skip": fault.skip,
        "chance": fault.chance,
        "instance_id": fault.instance_id,
        "label": fault.label,
    }


def _drawn(fault: Fault, seed: int) -> float:
    digest = sha256(f"{seed}:{fault.provider}:{fault.fault_id}:{fault.seen}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / _CERTAIN
