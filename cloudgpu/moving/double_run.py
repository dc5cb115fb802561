"""What a migration costs on top: both sides run until one is given up. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from cloudgpu.base.money import PICO, ZERO, usd_from_float
from cloudgpu.base.units import SECONDS_PER_HOUR, transfer_s
from cloudgpu.moving.strategy import Strategy, Way

_ENGINE_START_S = 240.0
"""Scheduling, unpacking the image, loading, compiling and warming up; reports go from one minute (1B) to five (35B)."""

_NET_SHARE = 0.7
"""Of the advertised network speed, what one download of a registry or hub reaches."""

_UNKNOWN_MBPS = 270.0
"""What the cold starts that people report come down to: 30 s per GB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEnd:
    """A part of the double run that lasts until somebody says a word (`until`): what each hour of it costs on top."""

    usd_per_hour: Decimal
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleRun:
    """The prices of a migration, before it starts. All rates are GPU and disk together.

    `until_ready_usd` is what the new side is expected to cost before it can answer, its download included, and
    `at_most_usd` what it may cost before it is given up; `old_usd_per_hour` is what each hour of keeping the old side
    costs. `canary_s` is how long both share the traffic, `window_s` how long the old side is kept warm afterwards
    (None: until somebody ends it). `open_ends` are what comes to that without an end of its own, in its order.
    """

    old_usd_per_hour: Decimal
    new_usd_per_hour: Decimal
    download_usd: Decimal
    ready_s: float
    until_ready_usd: Decimal
    at_most_usd: Decimal
    canary_s: float = 0.0
    window_s: float | None = None
    open_ends: tuple[OpenEnd, ...] = ()

    @property
    def sharing_usd(self) -> Decimal:
        """What the new side costs while it has a part of the traffic, as far as that ends by itself."""
        return (self.new_usd_per_hour * usd_from_float(self.canary_s) / SECONDS_PER_HOUR).quantize(PICO)

    @property
    def window_usd(self) -> Decimal | None:
        """What keeping the old side warm after the promotion costs; None when it is kept until somebody says so."""
        if self.window_s is None:
            return None
        return (self.old_usd_per_hour * usd_from_float(self.window_s) / SECONDS_PER_HOUR).quantize(PICO)

    @property
    def on_top_usd(self) -> Decimal:
        """The double run: what the migration costs beside the one side that would run anyway.

        The new side until it is ready and while it has a part of the traffic, the old side while it is kept warm. What
        has no end of its own is not in it: see `open_ends`.
        """
        return self.until_ready_usd + self.sharing_usd + (self.window_usd or ZERO)

    @property
    def both_usd_per_hour(self) -> Decimal:
        """The double run."""
        return self.old_usd_per_hour + self.new_usd_per_hour

    def as_json(self) -> dict[str, object]:
        """The form inside of `migrate --json`."""
        return {
            "usd_per_hour": {
                "old": self.old_usd_per_hour,
                "new": self.new_usd_per_hour,
                "both": self.both_usd_per_hour,
                "keeping_old": self.old_usd_per_hour,
            },
            "ready_s": round(self.ready_s),
            "usd_until_ready": self.until_ready_usd,
            "usd_until_ready_at_most": self.at_most_usd,
            "usd_once": {"download": self.download_usd},
            "canary_s": self.canary_s,
            "window_s": self.window_s,
            "usd_window": self.window_usd,
            "usd_on_top": self.on_top_usd,
            "open_ends": [{"usd_per_hour": each.usd_per_hour, "until": each.until} for each in self.open_ends],
        }


def double_run(
    *,
    old_usd_per_hour: Decimal,
    new_usd_per_hour: Decimal,
    download_usd: Decimal,
    download_gb: float,
    download_mbps: float | None,
    at_most_usd: Decimal,
    strategy: Strategy,
) -> DoubleRun:
    """The prices of running the new side beside the old one. `download_mbps` None: the provider does not say."""
    ready_s = expected_ready_s(download_gb, download_mbps)
    waiting_usd = (new_usd_per_hour * round(ready_s) / SECONDS_PER_HOUR).quantize(PICO)
    return DoubleRun(
        old_usd_per_hour=old_usd_per_hour,
        new_usd_per_hour=new_usd_per_hour,
        download_usd=download_usd,
        ready_s=ready_s,
        until_ready_usd=waiting_usd + download_usd,
        at_most_usd=at_most_usd.quantize(PICO),
        canary_s=strategy.canary_s,
        window_s=strategy.window_s,
        open_ends=_open_ends(old_usd_per_hour, new_usd_per_hour, strategy),
    )


def no_double_run(old_usd_per_hour: Decimal, new_usd_per_hour: Decimal, strategy: Strategy) -> DoubleRun:
    """The prices when the new side is alive already (after a rollback): nothing is waited for or downloaded."""
    return DoubleRun(
        old_usd_per_hour=old_usd_per_hour,
        new_usd_per_hour=new_usd_per_hour,
        download_usd=ZERO,
        ready_s=0.0,
        until_ready_usd=ZERO,
        at_most_usd=ZERO,
        canary_s=strategy.canary_s,
        window_s=strategy.window_s,
        open_ends=_open_ends(old_usd_per_hour, new_usd_per_hour, strategy),
    )


def _open_ends(old_usd_per_hour: Decimal, new_usd_per_hour: Decimal, strategy: Strategy) -> tuple[OpenEnd, ...]:
    """While both share, the new side is what is paid on top; afterwards the old one is."""
    sharing = strategy.way.stays_shared or (strategy.way is Way.CANARY and strategy.pause_s is None)
    word = "promote, rollback or abort" if strategy.way.stays_shared else "promote"
    ends = [OpenEnd(usd_per_hour=new_usd_per_hour, until=word)] if sharing else []
    if strategy.window_s is None:
        ends.append(OpenEnd(usd_per_hour=old_usd_per_hour, until="finalize"))
    return tuple(ends)


def expected_ready_s(download_gb: float, download_mbps: float | None) -> float:
    """Seconds from the create to the first answer: image and weights over the network, then the engine's start.

    An expectation to tell people, not a limit: shared networks and slow disks take longer. A speed below 1 Mbit/s is
    taken for one that was not measured.
    """
    stated = download_mbps is not None and download_mbps >= 1
    speed = (download_mbps or 0) * _NET_SHARE if stated else _UNKNOWN_MBPS
    return _ENGINE_START_S + transfer_s(download_gb, speed)
