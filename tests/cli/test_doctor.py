"""What `doctor` finds: absent is not wrong, wrong has its exit status, and one check that fails hides no other."""

import json
import sys
from dataclasses import replace
from decimal import Decimal

import pytest

from cloudgpu.base.errors import RefusedKeyError, UnreachableError
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.secret import Secret
from cloudgpu.cli import main as entry
from cloudgpu.cli import session as sessions
from cloudgpu.cli.doctor import run as checks
from cloudgpu.running.alert_target import Target, write_targets
from cloudgpu.running.providers.base import Headroom, PriceProposal, RateWindow
from cloudgpu.running.records import DeploymentState
from tests.cli.paper import READY


class Account:
    """A provider that knows its account, its balance and its limits."""

    name = "vast"

    def __init__(self):
        self.balance, self.ahead_s, self.error, self.proposals = Decimal(50), 0.0, None, ()

    def account(self):
        if self.error:
            raise self.error
        return "42"

    def balance_usd(self):
        return self.balance

    def price_proposals(self):
        return self.proposals

    def headroom(self):
        window = RateWindow(name="minute", left=57, limit=60, opens_in_s=12)
        return Headroom(calls={"user": 1}, least_s={}, windows=(window,), clock_ahead_s=self.ahead_s)


@pytest.fixture
def account(tmp_path, monkeypatch):
    for name in ("RUNPOD_API_KEY", "HF_TOKEN", "CLOUDGPU_STORE", "XDG_CONFIG_HOME", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("VAST_API_KEY", "planted-key-1234567890")
    monkeypatch.setattr(sessions, "_opened", [])
    monkeypatch.setattr(checks, "docker_checks", lambda session, alive: iter(()))
    made = Account()
    monkeypatch.setattr(sessions.Session, "provider", lambda self, name: made)
    return made


@pytest.fixture
def doctor(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["cloudgpu", "doctor", *arguments])
        with pytest.raises(SystemExit) as end:
            entry.main()
        captured = capsys.readouterr()
        assert Secret("planted-key-1234567890").reveal() not in captured.out + captured.err
        return end.value.code, captured.out

    return run


def test_an_alert_that_could_not_be_sent_wants_attention(account, doctor, tmp_path):
    session = sessions.open_session()
    data = {"monthly_usd": "50", "per_deployment": {}, "hard": False, "stop": False}
    now = session.clock("vast").now()
    session.emit(Event(kind=EventKind.BUDGET, at=now, data=data))
    assert found(doctor, "alerts")["text"] == "nobody is told of the budget"
    target = Target(command="exit 3")
    write_targets(session.settings.state_dir, [target])
    assert found(doctor, "alerts")["verdict"] == "ok"
    reached = {"scope": "month", "limit_usd": "50", "month": f"{now:%Y-%m}", "percent": 80}
    raised = {"key": "k", **reached, "message": "80 %"}
    session.emit(Event(kind=EventKind.ALERTED, at=now, data=raised))
    tried = {"key": "k", "target": target.fingerprint, "reason": "it ended with 3"}
    session.emit(Event(kind=EventKind.ALERT_SENT, at=now, data=tried))
    told = found(doctor, "alerts")
    assert told["verdict"] == "attention"
    assert "command: exit 3 was not told (it ended with 3)" in told["text"]


def found(doctor, about):
    (check,) = [each for each in json.loads(doctor("--json")[1])["checks"] if each["about"] == about]
    return check


def test_all_is_well_when_nothing_is_wrong_though_much_is_absent(account, doctor):
    status, said = doctor()
    assert status == 0
    assert "✓ vast: the key from VAST_API_KEY is accepted (account 42)" in said
    assert "✓ vast: $50.00 left, nothing runs" in said
    assert "57 of 60 calls left (minute)" in said
    assert "- runpod: no key" in said
    assert "✓ journal: SQLite" in said


def test_a_refused_key_is_4_and_hides_nothing_else(account, doctor):
    account.error = RefusedKeyError("the provider refuses the key", hint="set another")
    status, said = doctor()
    assert status == 4
    assert "✗ vast: the provider refuses the key" in said
    assert "journal: SQLite" in said


def test_a_provider_that_cannot_be_asked_is_5(account, doctor):
    account.error = UnreachableError("no answer")
    assert doctor()[0] == 5


def test_a_journal_that_cannot_be_opened_is_1_and_the_rest_is_still_looked_at(account, doctor, tmp_path):
    (tmp_path / "cloudgpu").mkdir()
    (tmp_path / "cloudgpu" / "cloudgpu.db").write_bytes(b"no database" * 1000)
    status, said = doctor()
    assert status == 1
    assert "✗ journal:" in said
    assert "vast: the key" in said


def test_without_its_journal_it_does_not_say_that_nothing_is_rented(account, doctor, tmp_path):
    (tmp_path / "cloudgpu").mkdir()
    (tmp_path / "cloudgpu" / "cloudgpu.db").write_bytes(b"no database" * 1000)
    _, said = doctor()
    assert "nothing is rented" not in said
    assert "nothing runs" not in said
    assert "✗ bills: what is rented, and bills, cannot be told" in said


def test_a_folder_that_may_not_be_written_is_one_sentence(account, doctor, monkeypatch):
    def refuse(self):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(sessions.Session, "emulator_status", refuse)
    status, said = doctor()
    assert status == 1
    assert "✗ emulator: cannot be looked at: [Errno 30] Read-only file system" in said
    assert "vast: the key" in said


def test_what_a_killed_up_left_is_as_wrong_here_as_in_status(account, doctor):
    left = replace(READY, state=DeploymentState.LOADING, launch_digest="d")
    sessions.open_session().store.save_deployment(left)
    status, out = doctor()[:2]
    assert status == 6
    assert "✗ mistral: mistral (instance 33) is loading, no command waits for it" in " ".join(out.split())


def test_money_left_lasts_as_long_as_what_bills_now_not_what_would_if_it_ran(account, doctor):
    outbid = replace(READY, state=DeploymentState.OUTBID, shown_usd_per_hour=Decimal("0.01"))
    sessions.open_session().store.save_deployment(outbid)
    assert "208 days of what runs now ($0.0100/h)" in " ".join(doctor()[1].split())


def test_a_clock_that_is_off_and_a_price_that_is_asked_for_want_attention(account, doctor):
    account.ahead_s = -4000.0
    account.proposals = (
        PriceProposal(proposal_id="1", instance_id="9", now_usd_per_hour=None, asked_usd_per_hour=Decimal("0.5"),
                      answer_by=None),
    )  # fmt: skip
    status, said = doctor()
    assert status == 0
    assert "! vast: this machine's clock is 4000 s ahead of the provider's" in said
    assert "! vast: the host of instance 9 asks for $0.5000/h" in said


def test_the_same_as_a_document(account, doctor):
    status, said = doctor("--json")
    told = json.loads(said)
    assert (told["schema_version"], told["exit_status"], status) == (1, 0, 0)
    balance = next(each for each in told["checks"] if "balance_usd" in each)
    assert (balance["balance_usd"], balance["hours_left"]) == ("50", None)
