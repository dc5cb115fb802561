"""The ledger as JSON: the rows, their totals and the moment up to which it tells; money is text."""

import json
from collections.abc import Sequence
from datetime import datetime

from cloudgpu.accounting.exports.rows import HourRow, row_texts, totals
from cloudgpu.base.clock import utc_text

SCHEMA_VERSION = 1


def json_text(rows: Sequence[HourRow], as_of: datetime) -> str:
    """The rows as the text of a JSON file, ending in a line break. `as_of` is the end of the time it covers, UTC."""
    body = {
        "schema_version": SCHEMA_VERSION,
        "as_of": utc_text(as_of),
        "currency": "USD",
        "rows": [row_texts(row) for row in rows],
        "totals": totals(rows),
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"
