"""`cloudgpu cost reconcile` as a user types it: what it says, and the exit status for everything that wants a look."""

import json
from decimal import Decimal
from types import SimpleNamespace

import pytest
import typer
from lifetimes import NOON, a_rental, at, event
from typer.testing import CliRunner

import cloudgpu.cli.cost
from cloudgpu.accounting.history import read_history
from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import BadAnswerError
from cloudgpu.base.events import EventKind
from cloudgpu.cli.session import open_session
from cloudgpu.running.providers.vast.bill import lines_of as vast_lines
from cloudgpu.running.store import Store

READ = at(180)
"""The moment at which the bill is read: two hours after the end."""


class Account:
    """A provider with a bill and a balance."""

    def __init__(self):
        self.left, self.in_euros = Decimal("4.6579"), False
        self.lines = [line("7001", "gpu", at(6), at(60), "0.324"), line("7001", "disk", at(0), at(60, 20), "0.0181")]

    def bill(self, instance_id, since):
        charge = {"source": "instance-7001", "start": 1772323200, "end": 1772326800, "type": "gpu", "currency": "EUR"}
        return vast_lines("7001", [{**charge, "amount": Decimal("0.3")}]) if self.in_euros else self.lines

    def balance_usd(self):
        return self.left


def line(instance_id, meter, start, end, usd):
    return SimpleNamespace(instance_id=instance_id, meter=meter, start=start, end=end, usd=Decimal(usd))


@pytest.fixture
def account(tmp_path, monkeypatch):
    """A rental of an hour in the journal, and five dollars in the account before it and what is right after it."""
    for name in ("VAST_API_KEY", "CLOUDGPU_STORE", "RUNPOD_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "cloudgpu").mkdir()
    store = Store(f"sqlite:///{tmp_path / 'cloudgpu' / 'cloudgpu.db'}")
    made = Account()
    store.append(event("balance", at(-10), {"usd": "5"}, token=None, deployment=None))
    for each in a_rental():
        store.append(each)
    store.append(event("balance", at(120), {"usd": "4.6579"}, token=None, deployment=None))
    store.close()
    made.clock = ManualClock(time=READ)
    monkeypatch.setattr("cloudgpu.cli.session.SystemClock", lambda: made.clock)
    monkeypatch.setattr("cloudgpu.cli.session.Session.provider", lambda self, name: made)
    return made


def reconcile(*arguments):
    app = typer.Typer()
    app.command("other")(lambda: None)
    cloudgpu.cli.cost.register(app)
    done = CliRunner().invoke(app, ["cost", "reconcile", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, " ".join(done.stdout.split()) if "--json" not in arguments else json.loads(done.stdout)


def test_a_bill_and_a_balance_that_agree_end_with_0(account):
    status, said = reconcile()
    assert status == 0
    assert "The balance agrees: $5.0000 to $4.6579" in said


def test_a_balance_that_is_not_explained_ends_with_1_and_says_what_may_have_happened(account):
    account.lines = account.lines[:1]
    events = reconcile("--json")[1]["accounts"][0]["balances"]
    assert [each["agrees"] for each in events] == [False]
    status, said = reconcile()
    assert status == 1
    assert "is not explained by what was billed" in said
    assert "Likeliest: the bill lacks charges" in said


def test_what_nobody_here_made_ends_with_1(account):
    account.lines.append(line("666", "gpu", NOON, NOON, "2.5"))
    status, said = reconcile()
    assert status == 1
    assert "Instance 666 is on the bill with $2.5000" in said


def test_a_day_that_differs_ends_with_1(account):
    account.lines[0] = line("7001", "gpu", at(6), at(120), "0.684")
    status, said = reconcile()
    assert status == 1
    assert "59 min 40 s more; allowed $0.0905 of tolerance and $0.0380 of doubt" in said
    assert "Likeliest: it was billed longer than it was seen: the destroy took effect late" in said


def test_seconds_within_the_tolerance_are_named_with_their_likeliest_cause_and_end_with_0(account):
    account.lines[0] = line("7001", "gpu", at(6), at(59, 50), "0.323")
    status, said = reconcile()
    assert status == 0
    assert "Within what is allowed: 2026-03-01 mistral (7001) GPU: billed $0.3230, metered $0.3260, 30 s less;" in said
    assert "Likeliest: it ended at a moment between 2026-03-01 13:00:00 and 2026-03-01 13:00:20 UTC" in said


def test_a_bill_in_another_currency_is_refused_and_the_journal_left_as_it_was(account):
    before = open_session().events()
    account.in_euros = True
    with pytest.raises(BadAnswerError, match="EUR, not USD"):
        reconcile()
    assert open_session().events() == before


def test_reading_the_bill_again_and_again_writes_down_only_what_is_new(account):
    month = [line("666", "gpu", at(60 * hour), at(60 * hour + 60), "0.36") for hour in range(-700, 0)]
    account.lines = [*reversed(month), *account.lines]  # the order of the provider says nothing
    for _ in range(20):
        reconcile()
        account.clock.sleep(60)
    assert lines_kept() == [702]
    account.lines.append(line("666", "gpu", at(120), at(180), "0.36"))
    reconcile()
    assert lines_kept() == [702, 1]
    account.lines = [each for each in account.lines if each.start > at(-60 * 600)]  # as the day moves on
    account.clock.sleep(86400)
    reconcile()
    assert lines_kept() == [702, 1, 0]
    told = read_history(open_session().events()).statements[-1].lines
    assert sorted(usd for _, usd in ((i, each.usd) for i, each in told)) == sorted(each.usd for each in account.lines)


def lines_kept():
    """How many lines each statement in the journal holds."""
    return [len(each.data["lines"]) for each in open_session().events() if each.kind is EventKind.STATEMENT]


def test_a_line_that_changes_after_its_day_was_closed_is_said_and_ends_with_1(account):
    account.clock.sleep(86400)
    assert "open: it may still change" in reconcile()[1]
    account.clock.sleep(2 * 86400)
    assert "closed now" in reconcile()[1]
    assert reconcile()[0] == 0
    account.lines[0] = line("7001", "gpu", at(6), at(60), "0.334")
    status, said = reconcile()
    assert status == 1
    assert "was closed, and the bill changed since" in said
    closed = [each for each in open_session().events() if each.kind is EventKind.DAY_CLOSED]
    assert [each.data["billed_usd"] for each in closed] == ["0.3421"]
