"""One life of one instance, read off its events: when it began and ended, at which prices, what was billed for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from cloudgpu.base.clock import parse_utc
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.money import ZERO, usd

Line = TypeVar("Line")
_SHOWN = ("state", "gpu_billing", "disk_billing", "gpu_usd_per_hour", "disk_usd_per_hour", "host_lost")
_STOPPED_STATES = ("failed", "stopped", "outbid")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one state and one price: what it charges per hour, zero for what is not charged in that state.

    `earliest` is the last look that still saw what was before: the change lies between it and `start`. `stopped` says
    that the instance exists and does not run, `host_lost` that nobody can tell whether its disk is charged.
    """

    start: datetime
    gpu_usd_per_hour: Decimal
    disk_usd_per_hour: Decimal
    earliest: datetime
    stopped: bool = False
    host_lost: bool = False

    @property
    def rates(self) -> tuple[Decimal, Decimal]:
        """GPU and disk, dollars per hour."""
        return self.gpu_usd_per_hour, self.disk_usd_per_hour

    @property
    def usd_per_hour(self) -> Decimal:
        """GPU and disk together."""
        return self.gpu_usd_per_hour + self.disk_usd_per_hour


@dataclass(frozen=True, slots=True)
class BillLine:
    """A line of the provider's bill as it was recorded."""

    meter: str
    start: datetime
    end: datetime
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """The newest bill that was read for an instance."""

    fetched_at: datetime
    lines: tuple[BillLine, ...]

    @property
    def last_end(self) -> datetime | None:
        """The end of the time it tells about; None when it has no lines."""
        return max((line.end for line in self.lines), default=None)


@dataclass(slots=True, kw_only=True)
class Life:
    """What the events say of one token. Filled by `lives` and read-only afterwards.

    `began` is the moment of the intent, the earliest the instance can have existed at. `created` is False while no
    instance is known: one may exist all the same, unless `abandoned` says that it provably does not; `answered_at` is
    when the create had been answered or its instance was found. Each span lasts to the next one's start, the last one
    to `gone_at`, or still; the end may be as early as `gone_earliest`. `vanished`: nobody here ended
    it. `shown_until` is the last moment at which it is known to have been there, while it is out of sight; None: the
    last look showed it. `gpu` names all cards,
    `gpu_count` counts them.
    """

    token: str
    deployment: str
    provider: str
    began: datetime
    model: str = ""
    gpu: str = ""
    gpu_count: int = 1
    disk_gb: Decimal = ZERO
    machine_id: str | None = None
    offer_id: str | None = None
    plan_id: str | None = None
    account: str | None = None
    location: str | None = None
    interruptible: bool = False
    planned_download_usd: Decimal = ZERO
    instance_id: str | None = None
    created: bool = False
    answered_at: datetime | None = None
    abandoned: bool = False
    cleanup_failed: bool = False
    ready_at: datetime | None = None
    destroy_requested_at: datetime | None = None
    gone_at: datetime | None = None
    gone_earliest: datetime | None = None
    vanished: bool = False
    shown_until: datetime | None = None
    bill: Bill | None = None
    spans: list[Span] = field(default_factory=list)
    shown: tuple[object, ...] = ()
    """The last observation as it was recorded: most of a long history repeats it."""
    planned_rates: tuple[Decimal, Decimal] = (ZERO, ZERO)

    @property
    def metered_until(self) -> datetime | None:
        """Where the meter stops: at the end; of what vanished, when it was last shown. None: it is metered on."""
        return self.gone_earliest if self.vanished else self.gone_at

    @property
    def highest_rates(self) -> tuple[Decimal, Decimal]:
        """The most that was planned or seen for GPU and for disk, dollars per hour."""
        known = [self.planned_rates, *(span.rates for span in self.spans)]
        return max(gpu for gpu, _ in known), max(disk for _, disk in known)


def lives(events: Iterable[Event]) -> list[Life]:
    """Every life that the events tell of, oldest first."""
    found: dict[str, Life] = {}
    for event in events:
        add(found, event)
    return list(found.values())


def add(found: dict[str, Life], event: Event) -> None:
    """Take one event into the lives, by their tokens. An event without a token is of no one's life and is left out."""
    if event.token is None:
        return
    life = found.get(event.token)
    if life is None:
        life = found[event.token] = _begin(event, event.token)
    life.instance_id = event.instance_id or life.instance_id
    _apply(life, event)


def bill_line(line: Mapping[str, Any]) -> BillLine:
    """A line of a bill from its JSON form in an event."""
    return BillLine(str(line["meter"]), parse_utc(line["start"]), parse_utc(line["end"]), usd(line["usd"]))


def all_lines(
    before: tuple[datetime, tuple[Line, ...]] | None, data: Mapping[str, Any], written: tuple[Line, ...]
) -> tuple[Line, ...] | None:
    """All lines of a bill or statement of which `written` stand in its event: behind those of the one before it.

    `before` is that one's moment and lines. None: the event tells the difference from another one.
    """
    if "after" not in data:
        return written
    if before is None or before[0] != parse_utc(data["after"]):
        return None
    first = data.get("dropped", 0)
    return (*before[1][first : first + data["unchanged"]], *written)


def bill_after(known: Bill | None, event: Event) -> Bill | None:
    """The bill after a CHARGED event; `known` is the one before it.

    One without lines takes nothing back that was billed before. What was written down as the difference from another
    bill (two commands read it side by side) is left out: the next look writes down what is missing then.
    """
    read = _bill(known, event)
    return known if read is None or (known and known.lines and not read.lines) else read


def _begin(event: Event, token: str) -> Life:
    return Life(token=token, deployment=event.deployment or token, provider=event.provider or "unknown", began=event.at)


def _apply(life: Life, event: Event) -> None:
    match event.kind:
        case EventKind.OBSERVED:  # first: most of a long history is looks
            _create(life, event.at)
            _observe(life, event)
        case EventKind.INTENDED:
            _intend(life, event.data)
        case EventKind.CREATED:
            _create(life, event.at)
        case EventKind.OUT_OF_SIGHT:
            _lose_sight(life, event)
        case EventKind.CHARGED:
            life.bill = bill_after(life.bill, event)
        case EventKind.ABANDONED:
            life.abandoned = not life.created
        case EventKind.READY | EventKind.DESTROY_REQUESTED:
            _mark(life, event)
        case EventKind.CLEANUP_FAILED:
            life.cleanup_failed = life.gone_at is None
        case EventKind.GONE:
            _end(life, event)


def _intend(life: Life, data: Mapping[str, Any]) -> None:
    gpu = str(data.get("gpu") or "")
    life.model = str(data.get("model") or "")
    life.gpu_count = int(data.get("gpu_count") or 1)
    life.gpu = gpu if life.gpu_count == 1 else f"{life.gpu_count}x {gpu}"
    life.disk_gb = usd(str(data.get("disk_gb") or 0))
    life.machine_id, life.offer_id, life.plan_id = (data.get(name) for name in ("machine_id", "offer_id", "plan_id"))
    life.account, life.location = data.get("account"), data.get("location")
    life.interruptible = bool(data.get("interruptible"))
    life.planned_download_usd = usd(data.get("download_usd") or ZERO)
    life.planned_rates = (usd(data.get("gpu_usd_per_hour") or ZERO), usd(data.get("disk_usd_per_hour") or ZERO))


def _create(life: Life, at: datetime) -> None:
    """From its creation on an instance pays for its disk; its GPU only from the state that says so.

    It counts from the intent, the earliest moment; the create itself came back at `at`.
    """
    if not life.created:
        life.created, life.abandoned = True, False
        life.spans.append(Span(life.began, ZERO, life.planned_rates[1], earliest=life.began))
        life.answered_at = max(at, life.began)


def _observe(life: Life, event: Event) -> None:
    data, last = event.data, life.spans[-1]
    life.shown_until = None
    shown = tuple(map(data.get, _SHOWN))
    if shown == life.shown:
        return
    life.shown = shown
    gpu = usd(data["gpu_usd_per_hour"]) if data["gpu_billing"] else ZERO
    disk = usd(data["disk_usd_per_hour"]) if data["disk_billing"] else ZERO
    stopped = data.get("state") in _STOPPED_STATES
    lost = bool(data.get("host_lost"))
    shown_before = (last.rates, last.stopped, last.host_lost)
    if shown_before != ((gpu, disk), stopped, lost) and life.gone_at is None:
        start = max(event.at, last.start)  # a clock that was set back must not make a span of negative length
        life.spans.append(Span(start, gpu, disk, _earliest(data, last, start), stopped, lost))


def _mark(life: Life, event: Event) -> None:
    """The first of its kind counts."""
    if event.kind is EventKind.READY:
        life.ready_at = life.ready_at or event.at
    else:
        life.destroy_requested_at = life.destroy_requested_at or event.at


def _lose_sight(life: Life, event: Event) -> None:
    """What was never shown may have ended at any moment since its intent."""
    if life.shown_until is None:
        life.shown_until = max(_last_shown(event) or life.destroy_requested_at or life.began, life.began)


def _end(life: Life, event: Event) -> None:
    """What was asked to end and was there to be asked ended after that; all else, after it was last shown."""
    life.cleanup_failed = False
    if life.gone_at is not None:
        return
    shown = _last_shown(event)
    life.gone_at, life.vanished = max(event.at, life.began), shown is not None
    life.gone_earliest = min(shown or life.destroy_requested_at or life.gone_at, life.gone_at)


def _last_shown(event: Event) -> datetime | None:
    known = event.data.get("unchanged_until")
    return parse_utc(known) if known else None


def _earliest(data: Mapping[str, Any], last: Span, start: datetime) -> datetime:
    known = data.get("unchanged_until")
    return min(max(parse_utc(known), last.start), start) if known else last.start


def _bill(known: Bill | None, event: Event) -> Bill | None:
    data = event.data
    fetched_at = parse_utc(data["fetched_at"]) if data.get("fetched_at") else event.at
    lines = tuple(bill_line(line) for line in data["lines"])
    before = (known.fetched_at, known.lines) if known else None
    whole = all_lines(before, data, lines)
    return None if whole is None else Bill(fetched_at, whole)
