"""The page as one HTML file that loads nothing from anywhere. Pure."""

from collections.abc import Iterator
from html import escape
from math import log

from cloudgpu.base.clock import utc_text
from cloudgpu.moving.gates.page.contents import AnswerPair, Page, ratio_of, value_of
from cloudgpu.moving.gates.page.document import by_load, document
from cloudgpu.moving.gates.verdict import Check, Outcome

_SCALE_LOW, _SCALE_HIGH = 0.5, 2.0
"""The ends of the drawn scale of ratios: half of the old side, and twice."""


def page_html(page: Page) -> str:
    """One document, see `document`."""
    lines = [*_head(page), *_checks(page), *_speed(page), *_answers(page), *_remarks(page)]
    return document(f"{page.old} and {page.new}", lines)


def _head(page: Page) -> Iterator[str]:
    outcome = page.verdict.outcome
    yield f"<h1>{escape(page.old)} <span>and</span> {escape(page.new)}</h1>"
    yield (
        f'<p class="models"><b>Old</b> {escape(page.old_model)} <b>New</b> {escape(page.new_model)} '
        f"<b>Measured</b> {utc_text(page.at)[:16].replace('T', ' ')} UTC</p>"
    )
    yield f'<p class="verdict {outcome.value}"><b>{_word(outcome)}</b> {escape(page.verdict.reason)}.</p>'


def _checks(page: Page) -> Iterator[str]:
    yield "<h2>Gates</h2>"
    yield '<div class="wide"><table class="gates"><thead><tr><th>Gate<th>Check<th>Outcome<th class="n">Old'
    yield '<th class="n">New<th class="n">New / old<th>0.5 … 2 times<th class="n">Limit</tr></thead><tbody>'
    for check in page.checks:
        yield _check(check)
    yield "</tbody></table></div>"


def _check(check: Check) -> str:
    cells = [
        f'<td class="gate">{escape(check.gate)}', f'<td class="name">{escape(check.name)}',
        f'<td class="outcome"><span class="mark {check.outcome.value}">{_word(check.outcome)}</span>',
        _figure("Old", value_of(check, check.old)), _figure("New", value_of(check, check.new)),
        _figure("New / old", ratio_of(check)), f'<td class="drawn">{_bar(check)}',
        _figure("Limit", "-" if check.limit is None else f"{check.limit:g}"),
    ]  # fmt: skip
    why = f'<tr class="why"><td class="gate"><td colspan="7">{escape(check.reason)}</tr>'
    return f"<tr>{''.join(cells)}</tr>{why}"


def _figure(name: str, value: str) -> str:
    """A cell that a phone shows with its name, and not at all where there is nothing."""
    return f'<td class="n{" none" if value == "-" else ""}" data-of="{name}">{value}'


def _bar(check: Check) -> str:
    """The interval of the ratio from half to twice; the line at 1 is the old side, the dashed one the limit."""
    if check.ratio is None or check.low is None or check.high is None:
        return ""
    low, high = _place(check.low), _place(check.high)
    limit = "" if check.limit is None else _upright("limit", check.limit)
    return (
        f'<svg class="bar {check.outcome.value}" viewBox="0 0 160 16" role="img" aria-label="{ratio_of(check)}">'
        f"{_upright('one', 1)}{limit}"
        f'<rect x="{low}" y="5" width="{max(high - low, 2)}" height="6" rx="3"/>'
        f'<circle cx="{_place(check.ratio)}" cy="8" r="4"/></svg>'
    )


def _upright(name: str, ratio: float) -> str:
    return f'<line class="{name}" x1="{_place(ratio)}" x2="{_place(ratio)}" y1="0" y2="16"/>'


def _place(ratio: float) -> float:
    inside = min(max(ratio, _SCALE_LOW), _SCALE_HIGH)
    return round(8 + 144 * (log(inside) - log(_SCALE_LOW)) / (log(_SCALE_HIGH) - log(_SCALE_LOW)), 1)


def _speed(page: Page) -> Iterator[str]:
    if not page.speed:
        return
    yield "<h2>Speed</h2>"
    yield by_load(("Old", "New", "New / old"), [
        (row.load, row.figure, row.old, row.new, "-" if row.change is None else f"{row.change:.2f}")
        for row in page.speed
    ])  # fmt: skip


def _answers(page: Page) -> Iterator[str]:
    if not page.answers:
        return
    yield "<h2>Answers</h2>"
    alike = [pair for pair in page.answers if not pair.is_worth_reading]
    for pair in page.answers:
        if pair.is_worth_reading:
            yield _answer(pair)
    if alike:
        yield f"<details><summary>{len(alike)} prompts that both sides answer alike well</summary>"
        yield from map(_answer, alike)
        yield "</details>"


def _answer(pair: AnswerPair) -> str:
    judged = f' <span class="hint">{escape(pair.judged)}</span>' if pair.judged else ""
    return (
        f"<section><h3>{escape(pair.prompt)}{judged}</h3><p class=q>{escape(pair.question)}</p><div class=pair>"
        f"{_side('Old', pair.old, pair.old_passed, pair.repeats, pair.old_notes)}"
        f"{_side('New', pair.new, pair.new_passed, pair.repeats, pair.new_notes)}</div></section>"
    )


def _side(name: str, text: str, passed: int, repeats: int, notes: tuple[str, ...]) -> str:
    state = "pass" if passed == repeats else "fail" if passed == 0 else "inconclusive"
    found = "".join(f"<li>{escape(note)}" for note in notes)
    return (
        f'<div><p><b>{name}</b> <span class="mark {state}">{passed} of {repeats}</span></p>'
        f"<pre>{escape(text) or '(nothing)'}</pre>{f'<ul>{found}</ul>' if found else ''}</div>"
    )


def _remarks(page: Page) -> Iterator[str]:
    if page.remarks:
        yield f"<h2>Remarks</h2><ul>{''.join(f'<li>{escape(line)}' for line in page.remarks)}</ul>"


def _word(outcome: Outcome) -> str:
    return {Outcome.NOT_JUDGED: "not judged"}.get(outcome, outcome.value)
