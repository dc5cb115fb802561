"""What each card costs on the reference figures: the lowest and the highest price of one GPU, and how old they are."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from cloudgpu.base.money import exact_text
from cloudgpu.cli.render import Column, duration


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRanges:
    """Dollars an hour for one GPU, lowest and highest over providers, memory sizes and counts, by card."""

    by_gpu: dict[str, tuple[Decimal, Decimal]]
    fetched_at: datetime
    age_s: float

    def as_json(self, gpu: str) -> dict[str, object] | None:
        """The range of one card with its age, None where no reference figure has it."""
        if gpu not in self.by_gpu:
            return None
        low, high = self.by_gpu[gpu]
        return {"low": exact_text(low), "high": exact_text(high), "age_s": round(self.age_s), "source": "reference"}

    def text(self, gpu: str) -> str:
        """`0.17-0.50`, `-` where no reference figure has the card."""
        if gpu not in self.by_gpu:
            return "-"
        low, high = self.by_gpu[gpu]
        return f"{low:.2f}" if round(low, 2) == round(high, 2) else f"{low:.2f}-{high:.2f}"

    def note(self) -> str:
        """Where the prices are from."""
        return f"$/GPU-hour: reference figures, {duration(self.age_s)} old, all providers; live ones: cloudgpu offers."


def price_ranges() -> PriceRanges:
    """The ranges over the reference figures. No network."""
    from cloudgpu.planning.market import reference_market

    market, found = reference_market(), defaultdict(list)
    for offer in market.offers:
        found[offer.gpu].append(offer.gpu_usd_per_hour / offer.gpu_count)
    age_s = max(0.0, (datetime.now(UTC) - market.fetched_at).total_seconds())
    ranges = {gpu: (min(prices), max(prices)) for gpu, prices in found.items()}
    return PriceRanges(by_gpu=ranges, fetched_at=market.fetched_at, age_s=age_s)


def with_prices(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], names: Sequence[str], prices: PriceRanges
) -> tuple[list[Column], list[list[str]]]:
    """A table of cards with their prices after the name."""
    first, *others = columns
    with_column = [first, Column("$/GPU-hour", right=True), *others]
    return with_column, [[row[0], prices.text(name), *row[1:]] for row, name in zip(rows, names, strict=True)]
