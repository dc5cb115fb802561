"""What engines served: their token counters as they were read, and the time that is vouched for by two readings.

Counters only grow while an engine runs, so between two readings of one run nothing is missed, however far apart they
are. Between two readings with a restart in between, or before the first and after the last one, nobody knows: that time
is not seen, and no price of a token is made from its money.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.accounting.charge import Charge, Meter, within
from cloudgpu.accounting.life import Life
from cloudgpu.base.events import Event
from cloudgpu.base.money import ZERO

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens of one engine between two readings, spread evenly over that time."""

    start: datetime
    end: datetime
    prompt_tokens: int
    generation_tokens: int

    def between(self, start: datetime, end: datetime) -> tuple[int, int]:
        """Whole prompt and generation tokens of a part; the parts of any cut add up to exactly the whole."""
        totals = (self.prompt_tokens, self.generation_tokens)
        first, second = (self._until(end, total) - self._until(start, total) for total in totals)
        return first, second

    def _until(self, moment: datetime, total: int) -> int:
        passed = (min(max(moment, self.start), self.end) - self.start) // _MICROSECOND
        return total * passed // ((self.end - self.start) // _MICROSECOND)


@dataclass(frozen=True, slots=True)
class Fill:
    """The greatest share of the KV cache in use that was seen up to a reading; `tokens` it holds, None: not told."""

    at: datetime
    share: Decimal
    tokens: int | None


@dataclass(frozen=True, slots=True)
class _Reading:
    """The counters, which show a restart, and what of them was served: all but our own probes."""

    at: datetime
    counted: tuple[int, int]
    served: tuple[int, int]
    run: str | None


@dataclass(slots=True)
class EngineLog:
    """The readings of one life, oldest first. Filled by `add` and read-only afterwards."""

    stretches: list[Stretch] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    last: _Reading | None = None


SeenTimes = Mapping[str, list[tuple[datetime, datetime]]]
"""By the token of a life: when its tokens are known, from and to."""


def add(logs: dict[str, EngineLog], event: Event) -> None:
    """Take a WORKED event into the logs, by its token. One that comes twice, or with an earlier time, adds nothing."""
    if event.token is None:
        return
    log, data = logs.setdefault(event.token, EngineLog()), event.data
    reading = _reading(event)
    if data.get("kv_peak") is not None:
        log.fills.append(Fill(event.at, Decimal(data["kv_peak"]), data.get("kv_tokens")))
    if log.last is None:
        log.last = reading
    elif data.get("restarted") or _began_anew(log.last, reading):
        log.last = replace(reading, at=max(reading.at, log.last.at))
    elif reading.at > log.last.at:
        _extend(log, log.last, reading)
        log.last = reading


def seen_by_life(lives: Iterable[Life], engines: Mapping[str, EngineLog]) -> SeenTimes:
    """The time in which every token is known, by token of the life; empty where no counters were read at all."""
    return {life.token: seen_times(life, engines.get(life.token)) for life in lives} if engines else {}


def seen_times(life: Life, log: EngineLog | None) -> list[tuple[datetime, datetime]]:
    """The stretches of a life in which every token is known, joined, in order.

    Before its first answer nothing can have been served, nor by an instance that was ended without one.
    """
    if life.ready_at is None:
        ended = life.gone_at or life.destroy_requested_at
        return [(life.began, ended)] if ended else []
    times = [(life.began, life.ready_at), *((s.start, s.end) for s in (log.stretches if log else ()))]
    joined: list[tuple[datetime, datetime]] = []
    for start, end in times:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCost:
    """What a million tokens cost over the time that was seen.

    `seen_usd` is the money of that time, with what it took to get an engine that answers; `seen_share` how much of the
    billed GPU time it is, from 0 to 1. Prices are None where no token was seen.
    """

    prompt_tokens: int
    generation_tokens: int
    seen_usd: Decimal
    seen_share: Decimal

    @property
    def usd_per_million_output(self) -> Decimal | None:
        """Dollars per million tokens that were generated."""
        return _per_million(self.seen_usd, self.generation_tokens)

    @property
    def usd_per_million_total(self) -> Decimal | None:
        """Dollars per million tokens, read and generated."""
        return _per_million(self.seen_usd, self.prompt_tokens + self.generation_tokens)


@dataclass(slots=True)
class TokenTally:
    """One group as it grows."""

    prompt_tokens: int = 0
    generation_tokens: int = 0
    seen_usd: Decimal = ZERO
    seen_hours: Decimal = ZERO

    def add_tokens(self, prompt: int, generation: int) -> None:
        """Tokens of a part of a stretch."""
        self.prompt_tokens += prompt
        self.generation_tokens += generation

    def add_seen(self, charge: Charge) -> None:
        """Money of time that was seen."""
        self.seen_usd += charge.usd
        if charge.meter is Meter.GPU:
            self.seen_hours += charge.hours

    def cost(self, machine_hours: Decimal) -> TokenCost:
        """The sum so far; `machine_hours` are all that were billed, seen or not."""
        return TokenCost(
            prompt_tokens=self.prompt_tokens, generation_tokens=self.generation_tokens, seen_usd=self.seen_usd,
            seen_share=(self.seen_hours / machine_hours).quantize(_SHARE) if machine_hours else ZERO,
        )  # fmt: skip


def seen_parts(charge: Charge, times: SeenTimes) -> Iterator[Charge]:
    """The parts of a charge that lie in time that was seen."""
    for start, end in times.get(charge.token, ()):
        if start <= charge.end and charge.start <= end:
            part = within(charge, start, end)
            if part is not None:
                yield part


_SHARE = Decimal("0.0001")
_PRICE = Decimal("0.000001")
_MILLION = 1_000_000


def _per_million(usd: Decimal, tokens: int) -> Decimal | None:
    return (usd * _MILLION / tokens).quantize(_PRICE) if tokens else None


def _reading(event: Event) -> _Reading:
    """What was written before probes were told apart counts as served."""
    data = event.data
    counted = int(data["prompt_tokens"]), int(data["generation_tokens"])
    served = data.get("served")
    told = (int(served["prompt"]), int(served["generation"])) if served else counted
    return _Reading(event.at, counted, told, data.get("run"))


def _began_anew(last: _Reading, reading: _Reading) -> bool:
    other_run = None not in (last.run, reading.run) and last.run != reading.run
    if reading.at <= last.at:
        return other_run
    return other_run or any(now < before for now, before in zip(reading.counted, last.counted, strict=True))


def _extend(log: EngineLog, last: _Reading, reading: _Reading) -> None:
    """Another stretch; hours without a token are one."""
    prompt, generation = (max(0, now - before) for now, before in zip(reading.served, last.served, strict=True))
    new = Stretch(last.at, reading.at, prompt, generation)
    known = log.stretches[-1] if log.stretches else None
    if known and known.end == new.start and not (_tokens(known) or _tokens(new)):
        log.stretches[-1] = replace(known, end=new.end)
    else:
        log.stretches.append(new)


def _tokens(stretch: Stretch) -> int:
    return stretch.prompt_tokens + stretch.generation_tokens
