"""Every offer of a question, though the market answers only so many rows at once.

An answer that looks cut off is asked for again in parts: the price range is halved, the cheaper half first, until every
part is answered whole or the calls are used up. What was read whole is then known: everything below some price.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median_low
from typing import Any

from cloudgpu.base.errors import ProviderError

MOST_CALLS = 8
"""Searches for one question: the market allows ten a minute, and counts the rows it returns against a daily quota."""

PRICE = "dph_total"

Ask = Callable[[Mapping[str, Any]], Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What was found. `whole_below_usd_per_hour`: nothing at this price or less is missing; None when it is complete,
    or when nothing at all was read whole."""

    rows: tuple[Any, ...]
    complete: bool
    whole_below_usd_per_hour: Decimal | None
    calls: int


def sweep(ask: Ask, body: Mapping[str, Any], is_cut: Callable[[int], bool]) -> Sweep:
    """Ask until no part is cut off. `is_cut` says whether an answer of so many rows may be.

    Calls `ask`, MOST_CALLS times at most; raises what the first call raises. A later one that fails ends the search.
    """
    found: dict[Any, Any] = {}
    parts: list[_Part] = [_Part(None, None)]
    whole_below: Decimal | None = None
    calls, complete = 0, True
    while parts and calls < MOST_CALLS:
        part = parts.pop()
        calls += 1
        try:
            rows = ask(part.narrowed(body))
        except ProviderError:
            if calls == 1:
                raise
            complete = False
            break
        found.update((_key(row, index), row) for index, row in enumerate(rows, start=len(found)))
        middle = part.middle(rows)
        if is_cut(len(rows)) and middle is not None:
            parts += [_Part(middle, part.most), _Part(part.above, middle)]
            continue
        complete = complete and not is_cut(len(rows))
        whole_below = part.most if complete else whole_below
    complete = complete and not parts
    return Sweep(rows=tuple(found.values()), complete=complete,
                 whole_below_usd_per_hour=None if complete else whole_below, calls=calls)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Part:
    """Prices above one and up to another; None: open."""

    above: Decimal | None
    most: Decimal | None

    def narrowed(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The question for this part alone, within the question's own bounds."""
        bounds = dict(body.get(PRICE, {}))
        if self.above is not None:
            bounds["gt"] = float(self.above)
        if self.most is not None:
            bounds["lte"] = float(self.most)
        return {**body, PRICE: bounds} if bounds else body

    def middle(self, rows: Sequence[Any]) -> Decimal | None:
        """A price that leaves rows on both sides, None when there is none: all of them cost the same."""
        prices = [price for row in rows if (price := _price(row)) is not None]
        if not prices:
            return None
        middle = median_low(prices)
        if middle == max(prices):
            below = [price for price in prices if price < middle]
            return max(below, default=None)
        return middle


def _price(row: Any) -> Decimal | None:  # noqa: ANN401  (whatever stood in the answer)
    value = row.get(PRICE) if isinstance(row, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    amount = Decimal(str(value))
    return amount if amount.is_finite() else None


def _key(row: Any, index: int) -> Any:  # noqa: ANN401  (the offer's number, or the row's own place)
    number = row.get("ask_contract_id", row.get("id")) if isinstance(row, Mapping) else None
    return ("no number", index) if number is None else str(number)
