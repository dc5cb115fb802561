"""How long the money lasts."""

from dataclasses import replace
from decimal import Decimal

import pytest

from cloudgpu.running.credit import Credit, charged_now, credit_of


@pytest.mark.parametrize(
    ("balance", "hourly", "left"), [("10", "0.5", "20"), ("10", "0", None), ("-1", "0.5", "0"), ("0", "0.5", "0")]
)
def test_hours_are_the_balance_over_what_is_charged_now(balance, hourly, left):
    credit = Credit(balance_usd=Decimal(balance), spend_usd_per_hour=Decimal(hourly))
    assert credit.hours_left == (None if left is None else Decimal(left))


def test_what_is_stopped_costs_its_disk_and_what_is_lost_nothing(desk, make_offer, launch):
    desk.provider.create(make_offer(1, "0.30"), launch, "t")
    desk.wait(300)
    (runs,) = desk.provider.instances()
    stopped = replace(runs, gpu_billing=False)
    lost = replace(runs, gpu_billing=False, disk_billing=False)
    assert [charged_now([view]) for view in (runs, stopped, lost)] == [Decimal("0.31"), Decimal("0.01"), 0]
    assert credit_of(desk.provider).hours_left == pytest.approx(Decimal(10) / Decimal("0.31"))
