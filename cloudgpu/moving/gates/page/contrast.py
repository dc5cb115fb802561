"""The page of two saved runs, figure by figure, as one HTML file. Pure."""

from collections.abc import Iterator, Sequence
from html import escape

from cloudgpu.base.clock import utc_text
from cloudgpu.moving.bench.contrast import INTERVALS, Contrast
from cloudgpu.moving.bench.left_out import LeftOut, sentences
from cloudgpu.moving.bench.markdown import span
from cloudgpu.moving.bench.remarks import remarks
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.workload import loaded
from cloudgpu.moving.gates.page.document import by_load, document


def contrast_html(one: Run, other: Run, found: Sequence[Contrast], left: Sequence[LeftOut]) -> str:
    """One document, see `document`; `left` is what could not be compared."""
    return document(f"A {one.name}, B {other.name}", [*_head(one, other), *_figures(found), *_notes(one, other, left)])


def _head(one: Run, other: Run) -> Iterator[str]:
    yield f"<h1>A {escape(one.name)} <span>and</span> B {escape(other.name)}</h1>"
    for side, run in (("A", one), ("B", other)):
        yield (
            f'<p class="models"><b>{side}</b> {escape(run.model or "a /chat application")} '
            f"<b>Measured</b> {utc_text(run.began_at)[:16].replace('T', ' ')} UTC</p>"
        )


def _figures(found: Sequence[Contrast]) -> Iterator[str]:
    yield "<h2>Speed</h2>"
    yield by_load(("A ms", "B ms", "B / A", "Meaning"), [
        (loaded(each.users), each.name, f"{each.one_s * 1000:.1f}", f"{each.other_s * 1000:.1f}",
         _ratio(each), each.words)
        for each in found
    ])  # fmt: skip
    yield f'<p class="models">{INTERVALS}</p>'


def _ratio(found: Contrast) -> str:
    """`1.14 (0.97 to 1.32)`; the ratio alone where there are too few samples for an interval."""
    ratio = f"{found.ratio:.2f}"
    return ratio if found.interval is None else f"{ratio} ({span(found)})"


def _notes(one: Run, other: Run, left: Sequence[LeftOut]) -> Iterator[str]:
    told = [f"{side}: {line}" for side, run in (("A", one), ("B", other)) for line in remarks(run)]
    lines = [*sentences(left), *told]
    if lines:
        yield f"<h2>Remarks</h2><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
