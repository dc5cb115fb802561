"""A packing for a reader: the verdict, each card's table, what is wrong, how to start, what to change, what to rent."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cloudgpu.cli import render
from cloudgpu.cli.plan.origin import age_line
from cloudgpu.planning.offers.offer import Market
from cloudgpu.sizing.pack import Finding, Home, Packing, Remedy
from cloudgpu.sizing.pack.packing import CardLoad, Placed, Verdict
from cloudgpu.sizing.pack.starts import Start, starts_on


def show(
    packed: Packing,
    findings: Sequence[Finding],
    single: Sequence[Remedy],
    steps: Sequence[Remedy],
    homes: Sequence[Home],
    market: Market,
) -> None:
    """Print everything."""
    render.heading(headline(packed))
    for card in packed.cards:
        _show_card(card)
    _show_findings(findings)
    _show_starts(packed)
    _show_remedies(packed, single, steps)
    _show_homes(homes, market)


def headline(packed: Packing) -> str:
    """The verdict in one line."""
    title = packed.budget.title
    if packed.refused:
        return f"{title}: does not fit, {packed.refused} of {len(packed.budget.entries)} cannot run as they are."
    if packed.verdict is Verdict.DOES_NOT_FIT:
        return f"{title}: does not fit, {packed.missing_gib:.1f} GiB are missing."
    free_gib = min(card.free_gib for card in packed.cards)
    band_gib = max(card.band_gib for card in packed.cards)
    if packed.verdict is Verdict.TIGHT:
        return f"{title}: tight, {free_gib:.1f} GiB left by an estimate that may be ±{band_gib:.1f} GiB off."
    where = "" if len(packed.cards) == 1 else " on the fullest card"
    return f"{title}: fits, {free_gib:.1f} GiB left{where} (±{band_gib:.1f})."


def as_document(
    packed: Packing,
    findings: Sequence[Finding],
    single: Sequence[Remedy],
    steps: Sequence[Remedy],
    homes: Sequence[Home],
    market: Market,
) -> Mapping[str, object]:
    """The same as one object."""
    return {
        "title": packed.budget.title,
        "verdict": packed.verdict,
        "cards": [{**card.as_json(), "starts": starts_on(card)} for card in packed.cards],
        "findings": findings,
        "remedies": {"single": single, "together": steps},
        "homes": [_home_fields(home) for home in homes],
        "prices": {"source": market.source, "origin": market.origin, "fetched_at": market.fetched_at},
    }


def _show_card(card: CardLoad) -> None:
    render.text()
    number = f"Card {card.index}: " if card.index else ""
    rows = [_row(placed) for placed in card.placed]
    rows.append(_sum_row("all", card.used_gib))
    if card.reserve_gib:
        rows.append(_sum_row("kept for others", card.reserve_gib))
    rows.append(_sum_row("left", card.free_gib, f"of {card.gpu.total_gib:.1f}, ±{card.band_gib:.1f}"))
    shown = [index for index in range(len(_COLUMNS)) if index != _STATED or any(row[_STATED] for row in rows)]
    columns, rows = [_COLUMNS[index] for index in shown], [[row[index] for index in shown] for row in rows]
    render.table(columns, rows, title=f"{number}{card.gpu.name}")


_COLUMNS = (
    render.Column("Process"),
    render.Column("Weights", right=True, drop=1),
    render.Column("Workspace", right=True, drop=2),
    render.Column("KV cache", right=True, drop=2),
    render.Column("Context", right=True, drop=3),
    render.Column("Margin", right=True, drop=3),
    render.Column("= GiB", right=True),
    render.Column("Stated", right=True),
    render.Column("Give it"),
)
_STATED = 7


def _sum_row(name: str, gib: float, remark: str = "") -> list[str]:
    return [name, "", "", "", "", "", f"{gib:.1f}", "", remark]


def _row(placed: Placed) -> list[str]:
    demand, stated = placed.demand, placed.entry.stated_gib
    parts = (demand.weights_gib, demand.workspace_gib, demand.cache_gib, demand.context_gib, demand.margin_gib)
    claim = "" if stated is None else f"{stated[0]:g}" if stated[0] == stated[1] else f"{stated[0]:g}–{stated[1]:g}"
    return [placed.entry.name, *(_figure(gib) for gib in parts), f"{demand.used_gib:.1f}", claim, _flag(placed)]


def _figure(gib: float) -> str:
    return f"{gib:.1f}" if abs(gib) >= 0.05 else "–"


def _flag(placed: Placed) -> str:
    share = placed.demand.share
    if share is None:
        return f"in {placed.entry.process}" if placed.entry.process else ""
    return f"--gpu-memory-utilization {share:.2f}" + (" (given)" if placed.entry.gpu_memory_utilization else "")


def _show_findings(findings: Sequence[Finding]) -> None:
    if not findings:
        return
    render.text()
    render.heading("What is wrong with it" if any(f.level != "note" for f in findings) else "Good to know")
    for finding in findings:
        about = f"{finding.about}: " if finding.about else ""
        line = f"- {about}{finding.text}"
        (render.warning if finding.level == "error" else render.note if finding.level == "note" else render.text)(line)


def _show_starts(packed: Packing) -> None:
    starts = [start for card in packed.cards for start in starts_on(card)]
    if not starts or packed.verdict is Verdict.DOES_NOT_FIT:
        return
    render.text()
    render.heading("Starting them")
    others = [each.entry.name for card in packed.cards for each in card.placed if each.demand.share is None]
    for line in start_lines(starts, others, packed):
        render.text(f"- {line}")


def start_lines(starts: Sequence[Start], others: Sequence[str], packed: Packing) -> list[str]:
    """The order that shows trouble at start instead of under load, and how far the servers may grow."""
    names = ", ".join(dict.fromkeys(start.name for start in starts))
    lines = []
    if others:
        lines.append(
            f"{', '.join(dict.fromkeys(others))} first, one full batch each, then {names}: a server compares its share "
            "with what is free at its start, so what does not fit is refused there and not under load"
        )
    if len({start.name for start in starts}) > 1:
        lines.append(
            "servers one after the other, each once the one before answers: memory that changes while one measures "
            "makes it abort"
        )
    for card in packed.cards:
        served = [placed for placed in card.placed if placed.demand.share is not None]
        spare_gib = card.free_gib - card.band_gib
        if len(served) == 1 and served[0].demand.share and spare_gib > 0.5 and served[0].entry.tensor_parallel == 1:
            most = int(100 * (served[0].demand.share + spare_gib / card.gpu.total_gib)) / 100
            lines.append(f"{served[0].entry.name} may be given up to {min(most, 0.95):.2f} for a larger KV cache")
    return lines


def _show_remedies(packed: Packing, single: Sequence[Remedy], steps: Sequence[Remedy]) -> None:
    if packed.verdict is Verdict.FITS:
        return None
    render.text()
    if single:
        render.heading("Any one of these makes it fit")
    elif steps:
        render.heading("These make it fit together")
    else:
        return render.text("No change that keeps every model makes it fit: take a larger card or more of them.")
    columns = [render.Column("What"), render.Column("Change"), render.Column("Saves GiB", right=True)]
    rows = [[remedy.about, remedy.change, f"{remedy.saves_gib:.1f}"] for remedy in single or steps]
    return render.table(columns, rows)


def _show_homes(homes: Sequence[Home], market: Market) -> None:
    render.text()
    if not homes:
        return render.text("No single card and no pair on the market holds all of it.")
    columns = [
        render.Column("Cheapest that take all"),
        render.Column("$/h", right=True),
        render.Column("Provider"),
        render.Column("Left GiB", right=True),
        render.Column("Give the servers", drop=1),
    ]
    render.table(columns, [_home_row(home) for home in homes])
    age_s = (datetime.now(UTC) - market.fetched_at).total_seconds()
    render.note("By memory alone; prices are those of the whole machine with the disk that images and weights need.")
    return render.note(age_line(market.source, market.origin, age_s))


def _home_row(home: Home) -> list[str]:
    rentable = home.rentable
    left_gib = min(card.free_gib for card in home.packing.cards)
    shares = ", ".join(f"{name} {share:.2f}" for name, share in _shares(home.packing).items())
    return [rentable.name, render.money(rentable.usd_per_hour, 3), rentable.provider, f"{left_gib:.1f}", shares]


def _shares(packing: Packing) -> dict[str, float]:
    placed = (each for card in packing.cards for each in card.placed)
    return {each.entry.name: each.demand.share for each in placed if each.demand.share is not None}


def _home_fields(home: Home) -> Mapping[str, object]:
    return {
        "name": home.rentable.name,
        "gpu": home.rentable.gpu.name,
        "gpu_count": home.rentable.count,
        "usd_per_hour": home.rentable.usd_per_hour,
        "provider": home.rentable.provider,
        "cards": [card.as_json() for card in home.packing.cards],
    }
