"""`cloudgpu budget` as a user types it."""

import json
from decimal import Decimal
from types import SimpleNamespace

import pytest
import typer
from lifetimes import a_rental
from typer.testing import CliRunner

import cloudgpu.cli.budget
from cloudgpu.base.errors import BudgetError, UsageError
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
     ("--monthly", "NaN"), ("--per-deployment", "mistral=0")],
)  # fmt: skip
def test_a_budget_that_makes_no_sense_is_refused(journal, words):
    with pytest.raises(UsageError):
        run("set", *words)


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


def test_a_used_up_budget_ends_the_check_with_1(journal, monkeypatch):
    for event in a_rental():
        journal.append(event)
    monkeypatch.setattr("cloudgpu.cli.session.SystemClock", _Noon)
    run("set", "--monthly", "0.10")
    assert run("check").exit_code == 1


class _Noon:
    """A machine whose clock shows the evening of the made-up rental."""

    def now(self):
        from lifetimes import at

        return at(300)

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


def _request():
    """A rental of $0.40 per hour, and $0.30 for its download."""
    rental = SimpleNamespace(usd_per_hour=Decimal("0.40"), download_usd=Decimal("0.30"))
    return SimpleNamespace(name="mistral", rentals=(rental,))
