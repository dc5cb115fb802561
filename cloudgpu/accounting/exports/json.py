"""The ledger as JSON and as JSON lines; money is text."""

import json
from collections.abc import Sequence
from datetime import datetime

from cloudgpu.accounting.exports.rows import HourRow, row_texts, totals
from cloudgpu.base.clock import utc_text

SCHEMA_VERSION = 1


def json_text(rows: Sequence[HourRow], as_of: datetime) -> str:
    """The rows, their totals and the end of the time they cover (UTC), as the text of a JSON file."""
    body = {
        "schema_version": SCHEMA_VERSION,
        "as_of": utc_text(as_of),
        "currency": "USD",
        "rows": [row_texts(row) for row in rows],
        "totals": totals(rows),
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def jsonl_text(rows: Sequence[HourRow]) -> str:
    """One object a line: for tools that read a stream and add up by themselves."""
    return "".join(json.dumps(row_texts(row), ensure_ascii=False) + "\n" for row in rows)
