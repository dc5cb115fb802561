"""A run, and two runs side by side, as Markdown. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from cloudgpu.base.money import show_usd
from cloudgpu.moving.bench.contrast import Contrast
from cloudgpu.moving.bench.figures import Figures, Slo, Spread, figures_of
from cloudgpu.moving.bench.left_out import LeftOut, sentences
from cloudgpu.moving.bench.remarks import remarks
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.workload import loaded

_HEADS = (
    "load", "requests", "failed", "TTFT p50 ms", "TTFT p95", "TTFT p99", "TPOT p50 ms", "TPOT p99", "ITL p50 ms",
    "ITL p99", "E2EL p50 ms", "E2EL p95", "tokens/s", "requests/s", "goodput/s", "USD per 1M tokens",
)  # fmt: skip


def run_markdown(run: Run, slo: Slo | None = None, *, counted_pieces: bool = False) -> str:
    """The run as a section with a table."""
    rows = [_row(figures_of(run.level(users), slo), run.usd_per_hour) for users in run.levels]
    lines = [f"## {cell(run.name)}: {cell(run.model or 'a /chat application')}", "", *table(_HEADS, rows), ""]
    return "\n".join([*lines, *(f"- {line}" for line in remarks(run, counted_pieces=counted_pieces))]).rstrip() + "\n"


def contrast_markdown(one: Run, other: Run, found: Sequence[Contrast], left: Sequence[LeftOut]) -> str:
    """Two runs figure by figure, and what of them stands beside nothing."""
    heads = ("load", "figure", "A ms", "B ms", "B / A", "interval", "meaning")
    rows = [
        (loaded(each.users), each.name, f"{each.one_s * 1000:.1f}", f"{each.other_s * 1000:.1f}",
         f"{each.ratio:.2f}", span(each), each.words)
        for each in found
    ]  # fmt: skip
    lines = [f"## A {cell(one.name)} and B {cell(other.name)}", "", *table(heads, rows), ""]
    return "\n".join([*lines, *(f"- {cell(line)}" for line in sentences(left))]).rstrip() + "\n"


def span(found: Contrast) -> str:
    """The interval of the ratio; a dash when there is none."""
    return "-" if found.interval is None else f"{found.interval.low:.2f} to {found.interval.high:.2f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [_line(heads), _line(["---"] * len(heads)), *(_line(row) for row in rows)]


def cell(words: str) -> str:
    """Words of others as they are: nothing in them may begin a cell, a line or a tag."""
    plain = "".join(each if each.isprintable() else " " for each in words)
    for mark in ("\\", "|", "`", "*", "_", "<", "[", "]"):
        plain = plain.replace(mark, "&lt;" if mark == "<" else f"\\{mark}")
    return plain


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(figures: Figures, usd_per_hour: Decimal | None) -> list[str]:
    usd, speed = figures.usd_per_million(usd_per_hour), figures.output_tokens_per_s
    return [
        loaded(figures.users), str(figures.requests), str(figures.requests - figures.completed),
        *(_ms(figures.ttft, p) for p in (50, 95, 99)), *(_ms(figures.tpot, p) for p in (50, 99)),
        *(_ms(figures.itl, p) for p in (50, 99)), *(_ms(figures.e2el, p) for p in (50, 95)),
        "-" if speed is None else f"{speed:.0f}", f"{figures.requests_per_s:.2f}",
        "-" if figures.goodput is None else f"{figures.goodput:.2f}",
        "-" if usd is None else show_usd(usd, 4),
    ]  # fmt: skip


def _ms(spread: Spread | None, percent: int) -> str:
    return "-" if spread is None else f"{spread.percentiles[percent] * 1000:.1f}"
