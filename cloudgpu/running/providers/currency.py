"""Both providers bill in US dollars and name no currency; a row that names another one must not enter the ledger."""

from collections.abc import Mapping
from typing import Any


def in_dollars(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row of a bill. Raises ValueError when it says that its amounts are no US dollars."""
    currency = row.get("currency")
    if currency is not None and str(currency).strip().upper() not in ("USD", "$"):
        raise ValueError(f"its amounts are {currency}, not USD")
    return row
