"""How the price of a million tokens is shown, never without the share of the time that it was taken from."""

from decimal import Decimal

from cloudgpu.accounting.report import Report
from cloudgpu.accounting.served import TokenCost
from cloudgpu.accounting.token_rows import TOKENS_HEAD, share_words, token_rows, tokens_cells, tokens_rest_on
from cloudgpu.cli import render
from cloudgpu.cli.render import Column


def tokens_json(cost: TokenCost) -> dict[str, Decimal | int | None]:
    """The price for programs. None where no token was seen."""
    return {
        "prompt_tokens": cost.prompt_tokens,
        "generation_tokens": cost.generation_tokens,
        "seen_usd": cost.seen_usd,
        "seen_share": cost.seen_share,
        "usd_per_million_output": cost.usd_per_million_output,
        "usd_per_million_total": cost.usd_per_million_total,
    }


def show_tokens(told: Report) -> None:
    """A table of the groups with their sum, and what the figures rest on. Nothing where nothing was counted."""
    total = told.total_tokens
    if total is None:
        return None
    rows = token_rows(told)
    if not rows:
        return render.note(f"No token was counted in the {share_words(total)} of the billed GPU time that was seen.")
    figures = [Column(name, right=True, drop=drop) for name, drop in zip(TOKENS_HEAD, _DROPS, strict=True)]
    render.text()
    render.table([Column("Tokens"), *figures], [[key, *tokens_cells(cost)] for key, cost in rows])
    return render.note(f"{tokens_rest_on(rows)} `cloudgpu watch` sees all of it.")


_DROPS = (1, 2, 3, 0, 0, 0)
"""What a narrow terminal leaves out first, highest first: prices keep the share of the time that they rest on."""
