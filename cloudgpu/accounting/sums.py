"""Everything of a report that sums up charges and tokens, gathered while they stream by."""

from collections.abc import Callable, Iterable, Mapping

from cloudgpu.accounting.charge import Charge, Meter, Purpose, Source, by_hour, hour_of
from cloudgpu.accounting.period import by_day
from cloudgpu.accounting.served import SeenTimes, Stretch, TokenCost, TokenTally, seen_parts
from cloudgpu.accounting.tally import Tally
from cloudgpu.base.clock import utc_text
from cloudgpu.base.money import ZERO


def _of_migration(charge: Charge) -> str:
    return f"{charge.migration or 'no migration'}: {charge.purpose.value.replace('_', ' ')}"


_KEYS: Mapping[str, Callable[[Charge], str]] = {
    "deployment": lambda charge: charge.deployment,
    "model": lambda charge: charge.model,
    "provider": lambda charge: charge.provider,
    "gpu": lambda charge: charge.gpu,
    "meter": lambda charge: charge.meter.value,
    "migration": _of_migration,
    "day": lambda charge: charge.start.date().isoformat(),
    "hour": lambda charge: utc_text(hour_of(charge.start)),
}

GROUPINGS = tuple(_KEYS)


class Sums:
    """What a report adds up in one pass, grouped by one of GROUPINGS. `seen` is empty where no tokens were read."""

    def __init__(self, by: str, seen: SeenTimes) -> None:
        self.seen = seen
        self.served: dict[str, TokenTally] = {}
        self.all_served = TokenTally()
        self.served_alone = TokenTally()
        self.serving_hours = ZERO
        self.key = _KEYS[by]
        self.pieces: Callable[[list[Charge]], Iterable[Charge]] = {"hour": by_hour, "day": by_day}.get(by, iter)
        self.groups: dict[str, Tally] = {}
        self.whole = Tally()
        self.by_source = dict.fromkeys(Source, ZERO)
        self.by_purpose = dict.fromkeys(Purpose, ZERO)

    def add(self, charge: Charge) -> None:
        """Take one charge in."""
        self.whole.add(charge)
        self.by_source[charge.source] += charge.usd
        self.by_purpose[charge.purpose] += charge.usd
        for piece in self.pieces([charge]):
            key = self.key(piece)
            group = self.groups.get(key)
            if group is None:
                group = self.groups[key] = Tally()
            group.add(piece)
        if self.seen:
            self._add_seen(charge)

    def add_tokens(self, charge: Charge, stretch: Stretch) -> None:
        """Take in the tokens of that part of a stretch which the charge (of no money) covers."""
        for piece in self.pieces([charge]):
            tokens = stretch.between(piece.start, piece.end)
            for tally in self._sums_of(charge):
                tally.add_tokens(*tokens)
            self.served.setdefault(self.key(piece), TokenTally()).add_tokens(*tokens)

    def tokens(self) -> dict[str, TokenCost]:
        """By group; none by meter."""
        known = self.seen and self.key is not _KEYS["meter"]
        found = ((key, self.groups[key].machine_hours) for key in sorted(self.groups) if known)
        return {key: self.served.get(key, TokenTally()).cost(hours) for key, hours in found}

    def total_tokens(self) -> TokenCost | None:
        """Of everything; None where no counters were read."""
        return self.all_served.cost(self.whole.machine_hours) if self.seen else None

    def serving_tokens(self) -> TokenCost | None:
        """Of what served, without the price of changing over; None where no counters were read."""
        return self.served_alone.cost(self.serving_hours) if self.seen else None

    def _add_seen(self, charge: Charge) -> None:
        if charge.purpose is Purpose.SERVING and charge.meter is Meter.GPU:
            self.serving_hours += charge.hours
        for part in seen_parts(charge, self.seen):
            for tally in self._sums_of(part):
                tally.add_seen(part)
            for piece in self.pieces([part]):
                self.served.setdefault(self.key(piece), TokenTally()).add_seen(piece)

    def _sums_of(self, charge: Charge) -> tuple[TokenTally, ...]:
        """Those of everything that a charge belongs to."""
        return (self.all_served, self.served_alone) if charge.purpose is Purpose.SERVING else (self.all_served,)
