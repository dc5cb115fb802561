"""The page as one HTML file that loads nothing from anywhere. Pure."""

from collections.abc import Iterator
from html import escape
from math import log

from cloudgpu.base.clock import utc_text
from cloudgpu.moving.gates.page.contents import AnswerPair, Page, SpeedRow, ratio_of, value_of
from cloudgpu.moving.gates.verdict import Check, Outcome

_SCALE_LOW, _SCALE_HIGH = 0.5, 2.0
"""The ends of the drawn scale of ratios: half of the old side, and twice."""


def page_html(page: Page) -> str:
    """One document, readable in a browser without a network, in light and dark, printed, and on a narrow screen."""
    title = escape(f"{page.old} and {page.new}")
    body = "\n".join([*_head(page), *_checks(page), *_speed(page), *_answers(page), *_remarks(page)])
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


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
    yield '<div class="wide"><table><thead><tr><th>Gate<th>Check<th>Outcome<th class="n">Old<th class="n">New'
    yield '<th class="n">New / old<th>0.5 … 2 times<th class="n">Limit</tr></thead><tbody>'
    for check in page.checks:
        yield _check(check)
    yield "</tbody></table></div>"


def _check(check: Check) -> str:
    limit = "-" if check.limit is None else f"{check.limit:g}"
    cells = [
        f"<td>{escape(check.gate)}", f"<td>{escape(check.name)}",
        f'<td><span class="mark {check.outcome.value}">{_word(check.outcome)}</span>',
        f'<td class="n">{value_of(check, check.old)}', f'<td class="n">{value_of(check, check.new)}',
        f'<td class="n">{ratio_of(check)}', f"<td>{_bar(check)}", f'<td class="n">{limit}',
    ]  # fmt: skip
    return f'<tr>{"".join(cells)}</tr><tr class="why"><td><td colspan="7">{escape(check.reason)}</tr>'


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
    loads = list(dict.fromkeys(row.load for row in page.speed))
    figures = list(dict.fromkeys(row.figure for row in page.speed))
    if not loads:
        return
    heads = "".join(f'<th class="n">{escape(figure)}' for figure in figures)
    yield f'<h2>Speed</h2><div class="wide"><table><thead><tr><th>Load<th>Side{heads}</tr></thead><tbody>'
    for load in loads:
        rows = {row.figure: row for row in page.speed if row.load == load}
        yield from _load(load, [rows.get(figure) for figure in figures])
    yield "</tbody></table></div>"


def _load(load: str, rows: list[SpeedRow | None]) -> Iterator[str]:
    def line(side: str, values: list[str], *, head: str = "") -> str:
        return f"<tr>{head}<td>{side}{''.join(f'<td class=n>{value}' for value in values)}</tr>"

    yield line("old", [escape(row.old) if row else "-" for row in rows], head=f'<td rowspan="3">{escape(load)}')
    yield line("new", [escape(row.new) if row else "-" for row in rows])
    yield line("× old", [_times(row) for row in rows])


def _times(row: SpeedRow | None) -> str:
    return "-" if row is None or row.change is None else f"<b>{row.change:.2f}</b>"


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


_STYLE = """
:root{color-scheme:light dark;--ink:#1c2128;--soft:#5c6670;--line:#d9dee3;--page:#fff;--card:#f5f7f9;
--pass:#1a7f4b;--fail:#c0312b;--inconclusive:#9a6700;--not_judged:#5c6670}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#98a2ad;--line:#39414a;--page:#14181d;--card:#1d2329;
--pass:#4cc38a;--fail:#ff7b72;--inconclusive:#e3b341;--not_judged:#98a2ad}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}h1{font-size:26px;margin:0 0 4px}h1 span{color:var(--soft);
font-weight:400}h2{font-size:19px;margin:36px 0 10px}h3{font-size:15px;margin:0}
.models{color:var(--soft);margin:0 0 18px}.models b{font-weight:600;color:var(--ink);margin-left:12px}
.models b:first-child{margin-left:0}.verdict{border-left:5px solid;padding:12px 16px;background:var(--card);
border-radius:4px;color:var(--ink)}.verdict b{text-transform:uppercase;margin-right:8px}
.verdict.pass{border-color:var(--pass)}.verdict.fail{border-color:var(--fail)}
.verdict.inconclusive,.verdict.not_judged{border-color:var(--inconclusive)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--soft);font-size:13px;text-align:left;white-space:nowrap}
th,td{padding:6px 10px 6px 0;border-top:1px solid var(--line);vertical-align:top}thead th{border-top:0}
.n{text-align:right;white-space:nowrap}tr.why td{border-top:0;padding-top:0;color:var(--soft);font-size:13px}
.mark{font-weight:600;white-space:nowrap}.mark.pass{color:var(--pass)}.mark.fail{color:var(--fail)}
.mark.inconclusive{color:var(--inconclusive)}.mark.not_judged{color:var(--not_judged);font-weight:400}
.bar{width:160px;height:16px;display:block;margin-top:3px}.bar .one{stroke:var(--soft)}
.bar .limit{stroke:var(--soft);stroke-dasharray:2 2}.bar.pass{fill:var(--pass)}.bar.fail{fill:var(--fail)}
.bar.inconclusive{fill:var(--inconclusive)}.bar.not_judged{fill:var(--not_judged)}.bar rect{opacity:.35}
section{border-top:1px solid var(--line);padding:14px 0}.q{margin:2px 0 8px;color:var(--soft);white-space:pre-wrap}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:16px}.pair p{margin:0 0 4px}
pre{margin:0;padding:10px 12px;background:var(--card);border-radius:4px;white-space:pre-wrap;overflow-wrap:anywhere;
font:14px/1.45 ui-monospace,monospace;max-height:24em;overflow:auto}.pair ul{margin:6px 0 0;padding-left:18px;
color:var(--fail);font-size:13px}.hint{color:var(--soft);font-weight:400;font-size:13px;margin-left:8px}
summary{cursor:pointer;padding:14px 0;color:var(--soft);border-top:1px solid var(--line)}
@media (max-width:720px){.pair{grid-template-columns:1fr}}
"""
