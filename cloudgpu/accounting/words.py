"""What people read for a meter, a purpose and a source, the same words everywhere."""

from decimal import Decimal

from cloudgpu.accounting.charge import Meter, Purpose, Source
from cloudgpu.base.money import show_usd

METER_NAMES = {
    Meter.GPU: "GPU",
    Meter.DISK: "Disk",
    Meter.DISK_STOPPED: "Disk (stopped)",
    Meter.DOWNLOAD: "Download",
    Meter.UPLOAD: "Upload",
    Meter.FEE: "Fees",
}

HOURS_HEAD = "Machine hours"
"""Over `Line.machine_hours`; hours of cards stand in FOCUS alone."""

SPLIT_IS_OURS = "Which part of a billed disk is that of a stopped machine is our word: the bills do not say."
"""Said wherever `Line.disk_split_source` is not None."""

PURPOSE_NAMES = {
    Purpose.SERVING: "Serving",
    Purpose.FAILED_TRY: "Tries that failed",
    Purpose.DOUBLE_RUN: "Double run of migrations",
    Purpose.ROLLBACK_WINDOW: "Rollback windows",
}

SOURCE_NAMES = {
    Source.PROVIDER: "the provider's bill",
    Source.METERED: "metered",
    Source.ESTIMATED: "estimated",
}


_MANY_H = 240


def lasts_words(hours: Decimal) -> str:
    """How long money lasts: `161.3 h`, `134 days` where that is many."""
    return f"{hours:.1f} h" if hours < _MANY_H else f"{hours / 24:,.0f} days"


def doubt_words(doubt_usd: Decimal, running_hour_usd: Decimal) -> str:
    """` The metered part may be off by $0.0021.`, and so for the hour that is being billed; nothing for no doubt."""
    metered = doubt_usd - running_hour_usd
    parts = [("The metered part", metered), ("The hour that the provider is still billing", running_hour_usd)]
    return "".join(f" {what} may be off by {show_usd(usd, 4)}." for what, usd in parts if usd)
