"""The four charts of the report, each drawn for a given width in pixels."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.charge import Meter
from cloudgpu.accounting.exports.html import svg
from cloudgpu.accounting.exports.html.scale import Scale, amount_label, moment_label, moments, ticks
from cloudgpu.accounting.tally import Line
from cloudgpu.accounting.timeline import Step, Window
from cloudgpu.accounting.words import METER_NAMES, PURPOSE_NAMES
from cloudgpu.base.money import show_usd

_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 26
_HEIGHT = 220
_ROW = 30
_WIDEST_BAR = 56.0


def daily(days: Sequence[Line], width: int) -> str:
    """Stacked bars: dollars of each meter, one bar a day."""
    highest = float(max((day.total_usd for day in days), default=Decimal(0)))
    marks = ticks(highest)
    up = Scale(0, marks[-1], _HEIGHT - _BOTTOM, _TOP)
    slot = (width - _LEFT - _RIGHT) / max(1, len(days))
    parts = _amount_axis(marks, up, width)
    for index, day in enumerate(days):
        left = _LEFT + slot * index
        bar = min(slot * 0.72, _WIDEST_BAR)
        parts += _stack(day, left + (slot - bar) / 2, bar, up)
        if index % _every(len(days), width) == 0:
            parts.append(svg.text(left + slot / 2, _HEIGHT - 8, day.key[5:], "axis", "middle"))
    return svg.drawing(width, _HEIGHT, "Cost per day by meter", parts)


def burn(steps: Sequence[Step], until: datetime, marked: Sequence[tuple[datetime, str]], width: int) -> str:
    """A stepped line: dollars per hour over time, the steps of migrations marked by dashed lines."""
    if not steps:
        return ""
    marks = ticks(float(max(step.usd_per_hour for step in steps)))
    up = Scale(0, marks[-1], _HEIGHT - _BOTTOM, _TOP)
    along = Scale(steps[0].at.timestamp(), until.timestamp(), _LEFT, width - _RIGHT)
    parts = _amount_axis(marks, up, width) + _time_axis(steps[0].at, until, along, width)
    for at, state in marked:
        x = along.px(at.timestamp())
        parts.append(svg.line(x, _TOP, x, _HEIGHT - _BOTTOM, "mark"))
        parts.append(svg.rect(x - 3, _TOP, 6, 6, "dot", f"{state}, {at:%Y-%m-%d %H:%M} UTC"))
    parts.append(svg.path(_stairs(steps, until, along, up), "burn"))
    return svg.drawing(width, _HEIGHT, "Dollars per hour over time", parts)


def by_deployment(lines: Sequence[Line], width: int) -> str:
    """Lying bars: dollars of each deployment, stacked by meter."""
    highest = float(max((line.total_usd for line in lines), default=Decimal(0))) or 1.0
    along = Scale(0, highest, 0, width - 84)
    parts: list[str] = []
    for index, line in enumerate(lines):
        top = index * (_ROW + 12)
        x = 0.0
        parts.append(svg.text(0, top + 12, _short(line.key, width), "label"))
        for meter, usd in line.usd_by_meter.items():
            if usd:
                length = along.px(float(usd))
                parts.append(svg.rect(x, top + 18, length, 14, meter.value, _tip(line.key, METER_NAMES[meter], usd)))
                x += length
        parts.append(svg.text(x + 6, top + 30, show_usd(line.total_usd, 4), "axis"))
    return svg.drawing(width, len(lines) * (_ROW + 12) + 4, "Cost by deployment", parts)


def windows(found: Sequence[Window], width: int) -> str:
    """A timeline: when a migration paid for two sides, and for what."""
    if not found:
        return ""
    names = sorted({each.migration for each in found})
    start, end = min(each.start for each in found), max(each.end for each in found)
    along = Scale(start.timestamp(), end.timestamp(), 0, width - 1)
    height = len(names) * (_ROW + 12) + _BOTTOM
    parts = [svg.text(0, row * (_ROW + 12) + 12, _short(name, width), "label") for row, name in enumerate(names)]
    for each in found:
        x, last = along.px(each.start.timestamp()), along.px(each.end.timestamp())
        tip = _tip(each.migration, PURPOSE_NAMES[each.purpose], each.usd)
        parts.append(svg.rect(x, names.index(each.migration) * (_ROW + 12) + 18, last - x, 14, each.purpose.value, tip))
    parts.append(svg.text(0, height - 8, f"{start:%d %b %H:%M}", "axis"))
    parts.append(svg.text(width, height - 8, f"{end:%d %b %H:%M} UTC", "axis", "end"))
    return svg.drawing(width, height, "What migrations paid for, over time", parts)


def _stack(day: Line, x: float, bar: float, up: Scale) -> list[str]:
    parts, below = [], 0.0
    for meter in Meter:
        usd = day.usd_by_meter[meter]
        if usd:
            top = up.px(below + float(usd))
            parts.append(svg.rect(x, top, bar, up.px(below) - top, meter.value, _tip(day.key, METER_NAMES[meter], usd)))
            below += float(usd)
    return parts


def _short(name: str, width: int) -> str:
    """Names longer than the picture end in an ellipsis: the table below has them whole."""
    most = width // 8
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _tip(key: str, what: str, usd: Decimal) -> str:
    return f"{key}: {what} {show_usd(usd, 4)}"


def _amount_axis(marks: list[float], up: Scale, width: int) -> list[str]:
    step = marks[1] - marks[0]
    lines = [svg.line(_LEFT, up.px(mark), width - _RIGHT, up.px(mark), "grid") for mark in marks]
    labels = [svg.text(_LEFT - 6, up.px(mark) + 4, amount_label(mark, step), "axis", "end") for mark in marks]
    return lines + labels


def _time_axis(start: datetime, end: datetime, along: Scale, width: int) -> list[str]:
    found = moments(start, end, 2 if width < 500 else 4)
    anchors = ["start", *["middle"] * (len(found) - 2), "end"]
    return [
        svg.text(along.px(moment.timestamp()), _HEIGHT - 8, moment_label(moment, end - start), "axis", anchor)
        for moment, anchor in zip(found, anchors, strict=True)
    ]


def _stairs(steps: Sequence[Step], until: datetime, along: Scale, up: Scale) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = [(along.px(steps[0].at.timestamp()), up.px(0))]
    for index, step in enumerate(steps):
        end = steps[index + 1].at if index + 1 < len(steps) else until
        y = up.px(float(step.usd_per_hour))
        points += [(along.px(step.at.timestamp()), y), (along.px(end.timestamp()), y)]
    return points


def _every(days: int, width: int) -> int:
    return max(1, -(-days * 44 // (width - _LEFT - _RIGHT)))
