"""How a run is shown in a terminal."""

from decimal import Decimal

from cloudgpu.cli import render
from cloudgpu.cli.render import Column
from cloudgpu.moving.bench.figures import Figures, Slo, Spread, figures_of
from cloudgpu.moving.bench.remarks import remarks
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.workload import loaded

_COLUMNS = (
    Column("load"), Column("requests", right=True, drop=2), Column("failed", right=True, drop=5),
    Column("TTFT p50", right=True), Column("p95", right=True), Column("p99", right=True, drop=8),
    Column("TPOT p50", right=True), Column("p99", right=True, drop=4), Column("ITL p50", right=True, drop=10),
    Column("p99", right=True, drop=7), Column("E2EL p50", right=True), Column("p95", right=True, drop=6),
    Column("tokens/s", right=True), Column("requests/s", right=True, drop=9), Column("good/s", right=True),
    Column("$/1M tokens", right=True, drop=1),
)  # fmt: skip


def show_run(run: Run, slo: Slo, *, counted_pieces: bool = False) -> None:
    """Print the levels as a table, then what a reader should know."""
    render.heading(f"{run.name}: {run.model or 'a /chat application'}")
    trip = "" if run.rtt_s is None else f", an empty round trip {ms(run.rtt_s)}"
    render.note(
        f"{run.url}, {len(run.samples)} requests{trip}; times in ms{_counting(run, counted_pieces=counted_pieces)}"
    )
    render.text()
    rows = [_row(figures_of(run.level(users), slo), run.usd_per_hour) for users in run.levels]
    used = [index for index in range(len(_COLUMNS)) if any(row[index] != "-" for row in rows)]
    render.table([_COLUMNS[index] for index in used], [[row[index] for index in used] for row in rows])
    thinking = [figures_of(run.level(users)) for users in run.levels]
    if any(each.thinks for each in thinking):
        shown = ", ".join(f"{loaded(each.users)} {_at(each.answer, 50)}" for each in thinking)
        render.text(f"First answer after the thoughts, p50: {shown} ms")
    lines = remarks(run, counted_pieces=counted_pieces)
    if lines:
        render.text()
    for line in lines:
        render.warning(f"! {line}") if run.ended or "failed" in line or "never" in line else render.note(line)


def ms(seconds: float) -> str:
    """Milliseconds with as many digits as say something."""
    value = seconds * 1000
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _counting(run: Run, *, counted_pieces: bool) -> str:
    """Who counted the tokens; nothing where nobody did, which the remarks say."""
    if any(each.output_tokens is None for each in run.samples if each.trouble is None):
        return ""
    return ", tokens counted by the server" + (", or piece by piece" if counted_pieces else "")


def _row(figures: Figures, usd_per_hour: Decimal | None) -> list[str]:
    usd = figures.usd_per_million(usd_per_hour)
    speed = figures.output_tokens_per_s
    failed = figures.requests - figures.completed
    return [
        loaded(figures.users), str(figures.requests), str(failed) if failed else "-",
        _at(figures.ttft, 50), _at(figures.ttft, 95), _at(figures.ttft, 99),
        _at(figures.tpot, 50), _at(figures.tpot, 99), _at(figures.itl, 50), _at(figures.itl, 99),
        _at(figures.e2el, 50), _at(figures.e2el, 95), "-" if speed is None else f"{speed:,.0f}",
        f"{figures.requests_per_s:.1f}", "-" if figures.goodput is None else f"{figures.goodput:.2f}",
        "-" if usd is None else render.money(usd),
    ]  # fmt: skip


def _at(spread: Spread | None, percent: int) -> str:
    return "-" if spread is None else ms(spread.percentiles[percent])
