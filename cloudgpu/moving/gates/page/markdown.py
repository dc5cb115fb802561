"""The page as Markdown. Pure."""

from collections.abc import Iterator

from cloudgpu.base.clock import utc_text
from cloudgpu.moving.bench.markdown import cell, table
from cloudgpu.moving.gates.page.contents import AnswerPair, Page, ratio_of, value_of


def page_markdown(page: Page) -> str:
    """One Markdown document."""
    return "\n".join([*_head(page), *_checks(page), *_speed(page), *_answers(page), *_remarks(page)]).rstrip() + "\n"


def _head(page: Page) -> Iterator[str]:
    yield f"# {cell(page.old)} and {cell(page.new)}"
    yield ""
    yield f"Old: {cell(page.old_model)}. New: {cell(page.new_model)}. Measured {utc_text(page.at)[:16]}Z."
    yield ""
    yield f"**{page.verdict.outcome.value.upper()}**: {cell(page.verdict.reason)}."
    yield ""


def _checks(page: Page) -> Iterator[str]:
    heads = ("gate", "check", "outcome", "old", "new", "new / old", "limit")
    rows = [
        (each.gate, each.name, each.outcome.value, value_of(each, each.old), value_of(each, each.new), ratio_of(each),
         "-" if each.limit is None else f"{each.limit:g}")
        for each in page.checks
    ]  # fmt: skip
    yield from ("## Gates", "", *table(heads, rows), "")
    yield from (f"- {cell(each.reason)}" for each in page.checks)
    yield ""


def _speed(page: Page) -> Iterator[str]:
    rows = [
        (each.load, each.figure, each.old, each.new, "-" if each.change is None else f"{each.change:.2f}")
        for each in page.speed
    ]
    yield from ("## Speed", "", *table(("load", "figure", "old", "new", "new / old"), rows), "")


def _answers(page: Page) -> Iterator[str]:
    if not page.answers:
        return
    yield from ("## Answers", "")
    for pair in page.answers:
        yield from _answer(pair)


def _answer(pair: AnswerPair) -> Iterator[str]:
    yield f"### {cell(pair.prompt)}"
    yield ""
    yield f"> {cell(pair.question)}"
    yield ""
    yield from table(
        ("old", "new"),
        [(f"{pair.old_passed} of {pair.repeats} passed", f"{pair.new_passed} of {pair.repeats} passed"),
         (cell(pair.old), cell(pair.new)), (_notes(pair.old_notes), _notes(pair.new_notes))],
    )  # fmt: skip
    if pair.judged:
        yield from ("", f"Judged: {pair.judged}")
    yield ""


def _notes(notes: tuple[str, ...]) -> str:
    return "; ".join(map(cell, notes)) or "-"


def _remarks(page: Page) -> Iterator[str]:
    if page.remarks:
        yield from ("## Remarks", "", *(f"- {cell(line)}" for line in page.remarks))
