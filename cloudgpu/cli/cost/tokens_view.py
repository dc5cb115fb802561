"""How the price of a million tokens is shown, never without the share of the time that it was taken from."""

from decimal import Decimal

from cloudgpu.accounting.report import Report
from cloudgpu.accounting.served import TokenCost
from cloudgpu.accounting.words import TOKENS_REST_ON, share_words, tokens_cells
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
    """A table of the groups that served something, and what the figures rest on. Nothing where nothing was counted."""
    total = told.total_tokens
    if total is None:
        return None
    if not total.generation_tokens:
        return render.note(f"No token was counted in the {share_words(total)} of the billed GPU time that was seen.")
    columns = [
        Column("Tokens"),
        Column("Prompt", right=True, drop=1),
        Column("Output", right=True, drop=2),
        Column("Per M output", right=True),
        Column("Per M total", right=True),
        Column("Time seen", right=True),
    ]
    served = [(key, cost) for key, cost in told.tokens.items() if cost.generation_tokens]
    lines = [*served, ("Total", total)] if len(served) != 1 else served
    render.text()
    render.table(columns, [[key, *tokens_cells(cost)] for key, cost in lines])
    return render.note(f"{TOKENS_REST_ON} `cloudgpu watch` sees all of it.")
