"""A bill in another currency than US dollars is refused as a whole, and nothing of it enters the ledger."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cloudgpu.base.errors import BadAnswerError
from cloudgpu.running.providers.runpod.bill import lines_of as runpod_lines
from cloudgpu.running.providers.vast.bill import lines_of as vast_lines

NOW = datetime(2026, 3, 2, tzinfo=UTC)
CHARGE = {"source": "instance-7", "start": 1772323200, "end": 1772326800, "amount": Decimal("0.3"), "type": "gpu"}
RECORD = {"podId": "p", "startTime": "2026-03-01T00:00:00Z", "endTime": "2026-03-01T01:00:00Z",
          "gpuAmount": Decimal("0.3"), "totalAmount": Decimal("0.3")}  # fmt: skip


def vast(told):
    return vast_lines("7", [{**CHARGE, **told}])


def vast_item(told):
    return vast_lines("7", [{**CHARGE, "items": [{"type": "gpu", "amount": Decimal("0.3"), **told}]}])


def runpod(told):
    return runpod_lines("p", {"records": [{**RECORD, **told}]}, NOW.replace(day=1), NOW)


@pytest.mark.parametrize("read", [vast, vast_item, runpod])
def test_another_currency_is_refused_and_dollars_are_not(read):
    with pytest.raises(BadAnswerError, match="EUR, not USD"):
        read({"currency": "EUR"})
    assert read({"currency": "usd"}) == read({})
    assert [line.usd for line in read({})] == [Decimal("0.3")]
