"""What the table of `status` says stands under the heading that names it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cloudgpu.base.clock import ManualClock
from cloudgpu.cli import deployment_view
from cloudgpu.cli.down import _cost_words
from cloudgpu.running.records import DeploymentState
from tests.accounting.lifetimes import charged, created, event, intended, observed
from tests.cli.paper import READY

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Session:
    """As much of a session as the table needs: a clock, and a journal without events."""

    store = type("Journal", (), {"events": lambda self, name: []})()

    def clock(self, name):
        return ManualClock(NOON)


@pytest.mark.parametrize("columns", ["80", "200"])
def test_each_value_stands_under_its_heading(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", columns)
    deployment_view.show_table(Session(), [READY])
    head, row = capsys.readouterr().out.splitlines()[:2]
    values = {
        "NAME": "mistral",
        "STATE": "ready",
        "PROVIDER": "vast",
        "GPU": "1x RTX 4090 24 GB",
        "MODEL": "org/a-model",
    }
    for heading, value in values.items():
        if heading in head:
            assert row[head.index(heading) :].startswith(value)
    assert "PROVIDER" in head


def test_what_is_stopped_stands_there_with_what_bills_on_and_what_it_would_cost_again(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    words = "outbid: the least bid is now $0.4000 per hour, its own is $0.3000"
    outbid = replace(READY, state=DeploymentState.OUTBID, shown_usd_per_hour=Decimal("0.01"), last_error=words)
    deployment_view.show_table(Session(), [outbid])
    said = " ".join(capsys.readouterr().out.split())
    assert "outbid vast 1x RTX 4090 24 GB $0.0100" in said
    assert f"{words}; running, it costs $0.3100/h" in said
    assert deployment_view.as_row(Session(), outbid)["usd_per_hour_now"] == Decimal("0.01")


def test_a_sum_that_rests_on_what_nobody_saw_is_marked_and_says_by_how_much_it_may_be_off(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    before, token = NOON - timedelta(hours=3), READY.token
    outbid = observed(NOON, gpu_billing=False, state="outbid", token=token)  # at some moment of three hours
    events = [intended(before, token=token), created(before, token=token), observed(before, token=token), outbid]
    session = Session()
    session.store = type("Journal", (), {"events": lambda self, name: events})()
    deployment_view.show_table(session, [READY])
    said = capsys.readouterr().out
    assert " ~$1.43 " in said
    assert "off by $1.08 at most" in said
    assert deployment_view.as_row(session, READY)["doubt_usd"] == Decimal("1.08")


@pytest.mark.parametrize(
    ("provider", "bill", "said"),
    [("vast", (), "it cost $0.70 (estimated until its bill tells: cloudgpu cost)"), ("docker", (), "it cost $0.70"),
     ("vast", [("gpu", NOON, NOON + timedelta(hours=1), "0.5")], "it cost $0.50")],
)  # fmt: skip
def test_what_a_thing_that_is_gone_cost_is_called_an_estimate_until_its_bill_tells(provider, bill, said):
    told = {"token": READY.token, "provider": provider}
    end = NOON + timedelta(hours=1)
    rental = [intended(NOON, **told), created(NOON, **told), observed(NOON, gpu="0.382", **told)]
    gone = [event("destroy_requested", end, **told), event("gone", end, **told)]
    events = [*rental, *gone, *([charged(end, *bill, **told)] if bill else ())]
    session = Session()
    session.store = type("Journal", (), {"events": lambda self, name: events})()
    session.clock = lambda name: ManualClock(end)
    assert _cost_words(session, replace(READY, provider=provider)) == f"is gone; {said}"


@pytest.mark.parametrize(("rate", "said"), [("0.01", "its disk bills on"), ("0", "nothing is charged for it as it is")])
def test_what_somebody_stopped_is_said_to_bill_only_where_it_does(rate, said):
    stopped = replace(READY, state=DeploymentState.STOPPED, shown_usd_per_hour=Decimal(rate))
    assert deployment_view.trouble([stopped])[0].endswith(f"an empty balance); {said}")


def test_the_widest_table_shows_everything(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    deployment_view.show_table(Session(), [READY])
    head = capsys.readouterr().out.splitlines()[0].split()
    assert head == ["NAME", "STATE", "PROVIDER", "GPU", "$/H", "SO", "FAR", "UP", "MODEL", "INSTANCE", "ENDPOINT"]


def test_what_is_over_has_no_price_no_age_and_no_address_any_more(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    deployment_view.show_table(Session(), [replace(READY, state=DeploymentState.GONE)])
    row = capsys.readouterr().out.splitlines()[1]
    assert row.split()[-1] == "-"
    assert "41000" not in row
    assert "/h" not in row


def test_a_clock_that_is_behind_is_told_instead_of_an_age_below_nothing(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    deployment_view.show_table(Session(), [replace(READY, since=NOON + timedelta(hours=2))])
    said = " ".join(capsys.readouterr().out.split())
    assert "-7200" not in said
    assert "by this machine's clock it is rented in 2 h 00 min: set the clock right" in said


@pytest.mark.parametrize(("looks", "told"), [(0, False), (2, False), (3, True)])
def test_one_that_was_silent_at_three_looks_serves_nobody_and_bills(looks, told):
    troubles = deployment_view.trouble([replace(READY, unanswered=looks)])
    assert bool(troubles) is told
    assert all("serves nobody" in each and "it is down), and bills" in each for each in troubles)
