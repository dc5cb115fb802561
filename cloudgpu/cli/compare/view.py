"""How a comparison is shown in a terminal."""

from collections.abc import Sequence

from cloudgpu.cli import render
from cloudgpu.cli.bench.view import ms
from cloudgpu.cli.render import Column
from cloudgpu.moving.bench.contrast import INTERVALS, Contrast
from cloudgpu.moving.bench.left_out import LeftOut, sentences
from cloudgpu.moving.bench.markdown import span
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.workload import loaded
from cloudgpu.moving.gates.page.contents import AnswerPair, Page, SpeedRow, ratio_of, value_of
from cloudgpu.moving.gates.verdict import Outcome

_SHOWN_ANSWERS = 5
_CHECKS = (
    Column("gate", drop=3), Column("check"), Column("outcome"), Column("old", right=True, drop=1),
    Column("new", right=True), Column("new / old", right=True), Column("limit", right=True, drop=2),
)  # fmt: skip
_DROPS = {"TTFT p95": 2, "E2EL p50": 3, "$ per 1M tokens": 1}
_CONTRAST = (
    Column("load"), Column("figure"), Column("A ms", right=True), Column("B ms", right=True),
    Column("B / A", right=True), Column("interval", drop=1), Column("meaning"),
)  # fmt: skip


def show_verdict(page: Page, notes: Sequence[str]) -> None:
    """Print the verdict first, then every check, the speed by load, and the answers that differ."""
    render.heading(f"{page.old} ({page.old_model}) → {page.new} ({page.new_model})")
    said = f"{page.verdict.outcome.value.upper()}: {page.verdict.reason}"
    (render.text if page.verdict.outcome is Outcome.PASS else render.warning)(said)
    render.text()
    render.table(_CHECKS, [
        [each.gate, each.name, each.outcome.value.replace("_", " "), value_of(each, each.old), value_of(each, each.new),
         ratio_of(each), "-" if each.limit is None else f"{each.limit:g}"]
        for each in page.checks
    ])  # fmt: skip
    for each in page.checks:
        if each.outcome is not Outcome.PASS and each.reason != page.verdict.reason:
            render.note(f"{each.outcome.value.replace('_', ' ')}: {each.reason}")
    render.text()
    _show_speed(page.speed)
    _show_answers([pair for pair in page.answers if pair.is_worth_reading])
    for line in (*page.remarks, *notes):
        render.note(line)


def show_contrast(one: Run, other: Run, found: Sequence[Contrast], left: Sequence[LeftOut]) -> None:
    """Print two saved runs figure by figure, and what of them stands beside nothing."""
    render.heading(f"A {one.name} ({one.model}), B {other.name} ({other.model})")
    rows = [
        [loaded(each.users), each.name, ms(each.one_s), ms(each.other_s), f"{each.ratio:.2f}",
         span(each), each.words]
        for each in found
    ]  # fmt: skip
    render.table(_CONTRAST, rows)
    render.note(INTERVALS)
    for line in sentences(left):
        render.warning(line)


def _show_speed(rows: Sequence[SpeedRow]) -> None:
    """A line for each load, the old side's figure before the new one's."""
    figures = list(dict.fromkeys(row.figure for row in rows))
    cells = {(row.load, row.figure): f"{row.old.removesuffix(' ms')} → {row.new}" for row in rows}
    columns = [Column(figure, right=True, drop=_DROPS.get(figure, 0)) for figure in figures]
    loads = dict.fromkeys(row.load for row in rows)
    render.table(
        [Column("load"), *columns], [[load, *(cells.get((load, each), "-") for each in figures)] for load in loads]
    )


def _show_answers(pairs: Sequence[AnswerPair]) -> None:
    for pair in pairs[:_SHOWN_ANSWERS]:
        render.text()
        judged = f"; {pair.judged}" if pair.judged else ""
        render.heading(f"{pair.prompt}: old {pair.old_passed}, new {pair.new_passed} of {pair.repeats}{judged}")
        render.note(_line(pair.question))
        render.pairs([("old", _line(pair.old)), ("new", _line(pair.new))])
        for note in pair.new_notes[:2]:
            render.text(f"  {note}")
    if pairs:
        render.text()
    if len(pairs) > _SHOWN_ANSWERS:
        render.note(f"{len(pairs) - _SHOWN_ANSWERS} more differ: add --html FILE, or --markdown")


def _line(text: str) -> str:
    words = " ".join(text.split())
    return (words if len(words) <= 200 else f"{words[:199]}…") or "(nothing)"
