"""Axes: round steps for amounts, and where a moment or an amount lies on a chart."""

from dataclasses import dataclass
from datetime import datetime, timedelta

_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to pixels, linear."""

    low: float
    high: float
    first_px: float
    last_px: float

    def px(self, value: float) -> float:
        """Where the value lies; in the middle of a scale without length."""
        if self.high == self.low:
            return (self.first_px + self.last_px) / 2
        return self.first_px + (value - self.low) / (self.high - self.low) * (self.last_px - self.first_px)


def ticks(highest: float, count: int = 4) -> list[float]:
    """About `count` round amounts from zero to at least the highest."""
    if highest <= 0:
        return [0.0, 1.0]
    raw = highest / count
    power = 10.0 ** _exponent(raw)
    step = next(power * factor for factor in _STEPS if power * factor >= raw * 0.999999)
    found = [0.0]
    while found[-1] < highest * 0.999999:
        found.append(found[-1] + step)
    return found


def amount_label(value: float, step: float) -> str:
    """`$0.25`, with as many places as the step between two labels needs."""
    places = max(0, -_exponent(step)) + (1 if step and round(step / 10.0 ** _exponent(step), 6) == 2.5 else 0)
    return f"${value:,.{places if step < 1 else (2 if step % 1 else 0)}f}"


def moments(start: datetime, end: datetime, count: int) -> list[datetime]:
    """Moments at equal distances from start to end, both included."""
    step = (end - start) / max(1, count)
    return [start + step * i for i in range(count + 1)]


def moment_label(moment: datetime, span: timedelta) -> str:
    """The day for spans of days, the time of day for shorter ones."""
    return f"{moment:%d %b}" if span >= timedelta(days=3) else f"{moment:%d %b %H:%M}"


def _exponent(value: float) -> int:
    exponent = 0
    while value < 1 and exponent > -12:
        value, exponent = value * 10, exponent - 1
    while value >= 10:
        value, exponent = value / 10, exponent + 1
    return exponent
