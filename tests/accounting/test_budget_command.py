"""`cloudgpu budget` as a user types it."""

import json
from decimal import Decimal
from types import SimpleNamespace

import pytest
import typer
from lifetimes import a_rental, at, charged
from typer.testing import CliRunner

import cloudgpu.cli.budget
from cloudgpu.accounting.alert import MOST_TRIES
from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import BudgetError, UsageError
from cloudgpu.base.events import EventKind
from cloudgpu.cli.budget.state import check_budget_for
from cloudgpu.cli.session import open_session
from cloudgpu.running.store import Store

RUNNER = CliRunner()


@pytest.fixture
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("VAST_API_KEY", "CLOUDGPU_STORE", "RUNPOD_API_KEY", "CLOUDGPU_SMTP"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "cloudgpu").mkdir()
    store = Store(f"sqlite:///{tmp_path / 'cloudgpu' / 'cloudgpu.db'}")
    yield store
    store.close()


def run(*arguments):
    app = typer.Typer()
    app.command("other")(lambda: None)
    cloudgpu.cli.budget.register(app)
    done = RUNNER.invoke(app, ["budget", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def wide(monkeypatch):
    """What `cloudgpu budget` shows where there is room for it."""
    monkeypatch.setenv("COLUMNS", "300")
    return run().stdout


def test_without_a_budget_it_says_how_to_set_one(journal):
    assert "budget set --monthly" in run().stdout


def test_a_budget_is_set_shown_and_cleared(journal):
    assert "mistral" in run("set", "--monthly", "50", "--per-deployment", "mistral=20", "--hard").stdout
    told = json.loads(run("--json").stdout)
    assert told["budget"] == {"monthly_usd": "50", "per_deployment": {"mistral": "20"}, "hard": True, "stop": False}
    assert [use["scope"] for use in told["uses"]] == ["month", "mistral"]
    run("clear")
    assert json.loads(run("--json").stdout)["budget"] is None


@pytest.mark.parametrize(
    "words",
    [("--monthly", "0"), ("--monthly", "-3"), ("--monthly", "much"), ("--per-deployment", "mistral"), (),
     ("--monthly", "NaN"), ("--monthly", ""), ("--per-deployment", "a=2", "--per-deployment", "a=3"),
     ("--per-deployment", "mistral=0"), ("--monthly", "1e400"), ("--monthly", "1e30"), ("--monthly", "1e-400"),
     ("--per-deployment", "mistral=1e400")],
)  # fmt: skip
def test_a_budget_that_makes_no_sense_is_refused_and_none_is_kept(journal, words):
    with pytest.raises(UsageError):
        run("set", *words)
    assert json.loads(run("--json").stdout)["budget"] is None


def test_everybody_is_told_once_when_a_threshold_is_reached(journal, tmp_path, monkeypatch):
    for event in a_rental():
        journal.append(event)
    monkeypatch.setattr("cloudgpu.cli.session.SystemClock", _Noon)
    run("set", "--monthly", "0.50")
    heard = tmp_path / "heard"
    run("alert", "--command", f'echo "$CLOUDGPU_ALERT" >> {heard}')
    assert "used" in run("check").stdout
    assert "No threshold" in run("check").stdout
    assert len(heard.read_text().splitlines()) == 1


def test_what_reached_nobody_is_told_again(journal, tmp_path, monkeypatch):
    for event in a_rental():
        journal.append(event)
    monkeypatch.setattr("cloudgpu.cli.session.SystemClock", _Noon)
    run("set", "--monthly", "0.50")
    heard = tmp_path / "not-there-yet" / "heard"
    run("alert", "--command", f'echo "$CLOUDGPU_ALERT" >> {heard}')
    assert run("check").exit_code == 1
    heard.parent.mkdir()
    assert "used" in run("check").stdout
    assert "No threshold" in run("check").stdout
    assert len(heard.read_text().splitlines()) == 1


@pytest.fixture
def half_used(journal, monkeypatch):
    """A month's budget of which more than half is used."""
    for event in a_rental():
        journal.append(event)
    monkeypatch.setattr("cloudgpu.cli.session.SystemClock", _Noon)
    run("set", "--monthly", "1")
    return journal


def test_a_target_that_failed_is_told_later_though_another_one_was_told_at_once(half_used, tmp_path, monkeypatch):
    heard, gate = tmp_path / "heard", tmp_path / "gate"
    run("alert", "--command", f'echo "one" >> {heard}')
    run("alert", "--command", f'test -e {gate} && echo "two" >> {heard}')
    first = json.loads(run("check", "--json").stdout)
    assert [(sent["tries"], sent["reason"]) for sent in first["sent"]] == [(1, None), (1, "it ended with 1")]
    assert "month: 50 %  it ended with 1  1 of 24" in wide(monkeypatch)
    gate.touch()
    assert run("check").exit_code == 0
    assert "No threshold" in run("check").stdout
    assert heard.read_text().split() == ["one", "two"]
    assert "Not told" not in wide(monkeypatch)


def test_what_is_never_taken_is_given_up_in_the_end_and_goes_on_being_shown(half_used, tmp_path, monkeypatch):
    clock = ManualClock()
    monkeypatch.setattr("cloudgpu.cli.alerts.telling.SystemClock", lambda: clock)
    tries = tmp_path / "tries"
    run("alert", "--command", f"echo x >> {tries}; exit 3")
    for _ in range(MOST_TRIES + 3):
        run("check")
        clock.sleep(3600)
    assert len(tries.read_text().split()) == MOST_TRIES
    assert f"it ended with 3  given up after {MOST_TRIES}" in wide(monkeypatch)
    assert run("check").exit_code == 1
    (untold,) = json.loads(run("--json").stdout)["untold"]
    assert (untold["tries"], untold["given_up"]) == (MOST_TRIES, True)


def test_the_pauses_between_tries_grow(half_used, tmp_path, monkeypatch):
    clock = ManualClock()
    monkeypatch.setattr("cloudgpu.cli.alerts.telling.SystemClock", lambda: clock)
    tries = tmp_path / "tries"
    run("alert", "--command", f"echo x >> {tries}; exit 3")
    for _ in range(36):
        run("check")
        clock.sleep(60)
    assert len(tries.read_text().split()) == 10


def test_a_test_that_is_taken_sends_what_was_given_up(half_used, tmp_path, monkeypatch):
    clock = ManualClock()
    monkeypatch.setattr("cloudgpu.cli.alerts.telling.SystemClock", lambda: clock)
    heard = tmp_path / "not-there-yet" / "heard"
    run("alert", "--command", f'echo "$CLOUDGPU_ALERT" >> {heard}')
    for _ in range(MOST_TRIES):
        run("check")
        clock.sleep(3600)
    heard.parent.mkdir()
    assert run("alert", "--test").exit_code == 0
    assert [line.split(":")[0] for line in heard.read_text().splitlines()] == [
        "cloudgpu", "The month's budget is 64.4 % used"
    ]  # fmt: skip
    assert run("check").exit_code == 0


def test_a_limit_that_was_changed_makes_its_alerts_moot_and_has_its_own(half_used, tmp_path):
    run("alert", "--command", "exit 3")
    run("check")
    run("set", "--monthly", "100")
    assert run("check").exit_code == 0
    assert json.loads(run("--json").stdout)["untold"] == []
    run("set", "--monthly", "0.75")
    assert "85.8 % used" in run("check").stdout


def test_a_bill_that_takes_some_back_reaches_no_lower_share_anew(half_used):
    run("set", "--monthly", "0.75")
    assert "85.8 % used" in run("check").stdout
    half_used.append(charged(at(100), ("gpu", at(6), at(60), "0.4"), ("disk", at(), at(60), "0.018")))
    assert json.loads(run("--json").stdout)["uses"][0]["crossed"] == 50
    assert "No threshold" in run("check").stdout


def test_no_secret_of_a_target_enters_the_journal(half_used, tmp_path):
    run("alert", "--webhook", "http://127.0.0.1:9/hook/secret-part", "--command", "echo secret-word; exit 3")
    run("check")
    told = [event for event in half_used.events() if event.kind is EventKind.ALERT_SENT]
    assert len(told) == 2
    assert "secret" not in str(told)


def test_a_test_that_fails_says_which_target_and_why_and_ends_with_1(journal):
    run("alert", "--command", "exit 3", "--command", "exit 4")
    run("alert", "--command", "true")
    done = run("alert", "--test")
    assert done.exit_code == 1
    assert "command: exit 4: not told, it ended with 4" in done.stdout
    assert "command: true: told" in done.stdout
    told = json.loads(run("alert", "--test", "--json").stdout)["targets"]
    assert [(each["target"], each["failed"]) for each in told][-1] == ("command: true", None)


def test_a_test_of_nobody_is_refused(journal):
    with pytest.raises(UsageError, match="nobody to test"):
        run("alert", "--test")


def test_a_target_that_is_named_twice_is_told_once(journal):
    run("alert", "--command", "true")
    run("alert", "--command", "true")
    assert len(json.loads(run("alert", "--json").stdout)["targets"]) == 1


def test_an_address_without_a_mail_server_is_taken_and_said(journal, monkeypatch):
    assert "CLOUDGPU_SMTP" in run("alert", "--email", "me@example.org").stderr
    monkeypatch.setenv("CLOUDGPU_SMTP", "smtp://127.0.0.1:25")
    assert run("alert", "--email", "you@example.org").stderr == ""


def test_a_form_without_a_webhook_is_refused(journal):
    with pytest.raises(UsageError, match="none was given"):
        run("alert", "--form", "slack")


def test_a_used_up_budget_was_gone_at_the_same_time_whenever_one_asks(half_used, monkeypatch):
    run("set", "--monthly", "0.10")
    (before,) = json.loads(run("--json").stdout)["uses"]
    monkeypatch.setattr(_Noon, "minute", 900)
    (later,) = json.loads(run("--json").stdout)["uses"]
    assert before["breach_at"] == later["breach_at"]
    assert before["used_up"]


def test_a_limit_for_a_name_that_was_never_rented_is_taken_and_said(half_used):
    done = run("set", "--per-deployment", "mistrall=20")
    assert "No deployment was ever called mistrall" in done.stderr
    assert "Did you mean mistral?" in done.stderr
    assert "never called" not in run("set", "--per-deployment", "mistral=20").stderr


def test_a_used_up_budget_ends_the_check_with_1(journal, monkeypatch):
    for event in a_rental():
        journal.append(event)
    monkeypatch.setattr("cloudgpu.cli.session.SystemClock", _Noon)
    run("set", "--monthly", "0.10")
    assert run("check").exit_code == 1


class _Noon:
    """A machine whose clock shows the evening of the made-up rental."""

    minute = 300

    def now(self):
        return at(self.minute)

    def elapsed(self):
        return 0.0

    def sleep(self, seconds):
        raise AssertionError("nothing here waits")


def test_a_hard_budget_refuses_a_rental_before_it_begins_and_a_soft_one_warns(journal, capsys):
    session, request = open_session(), _request()
    run("set", "--monthly", "5")
    check_budget_for(session, request, Decimal(24))
    assert "Above the budget" in capsys.readouterr().err
    run("set", "--monthly", "5", "--hard")
    with pytest.raises(BudgetError, match="this month's budget is"):
        check_budget_for(session, request, Decimal(24))
    check_budget_for(session, request, Decimal(2))


def test_what_races_with_a_rental_counts_for_the_budget_too(journal):
    run("set", "--monthly", "5", "--hard")
    check_budget_for(open_session(), _request(), Decimal(8))
    with pytest.raises(BudgetError):
        check_budget_for(open_session(), _request(hedge=4), Decimal(8))


def _request(hedge=1):
    """Rentals of $0.40 per hour, and $0.30 for the download of each; so many of them race."""
    rental = SimpleNamespace(usd_per_hour=Decimal("0.40"), download_usd=Decimal("0.30"))
    limits, rentals = SimpleNamespace(hedge=hedge), (rental,) * 8
    return SimpleNamespace(name="mistral", rentals=rentals, within_agreement=rentals, limits=limits)
