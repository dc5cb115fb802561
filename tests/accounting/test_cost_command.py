"""`cloudgpu cost` as a user types it, on a journal without a provider to ask."""

import csv
import json
import os
import stat
from decimal import Decimal
from types import SimpleNamespace

import pytest
import typer
from lifetimes import a_rental, at, charged, event
from typer.testing import CliRunner

import cloudgpu.cli.cost
from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import BadFileError, UnwritableStoreError, UsageError
from cloudgpu.running.store import Store

RUNNER = CliRunner()


@pytest.fixture
def app():
    app = typer.Typer()
    app.command("other")(lambda: None)
    cloudgpu.cli.cost.register(app)
    return app


@pytest.fixture
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("VAST_API_KEY", "CLOUDGPU_STORE", "RUNPOD_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "cloudgpu").mkdir()
    store = Store(f"sqlite:///{tmp_path / 'cloudgpu' / 'cloudgpu.db'}")
    yield store
    store.close()


@pytest.fixture
def rented(journal):
    bill = charged(at(80), ("gpu", at(6), at(60), "0.324000000001"), ("disk", at(), at(60), "0.018"))
    for each in [*a_rental(), bill]:
        journal.append(each)


def run(app, *arguments):
    done = RUNNER.invoke(app, ["cost", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_journal_without_rentals_says_that_nothing_was_spent(app, journal):
    assert "nothing was spent" in run(app).stdout


def test_the_report_names_the_deployment_its_cost_and_whose_word_it_is(app, rented):
    said = run(app).stdout
    assert "mistral" in said
    assert "$0.3420" in said
    assert "provider" in said
    assert "Nothing bills now" in said


def test_the_json_has_every_digit(app, rented):
    document = json.loads(run(app, "--json", "--by", "meter").stdout)
    assert document["schema_version"] == 1
    assert document["total"]["usd"]["total"] == "0.342000000001"
    assert {group["key"] for group in document["groups"]} == {"gpu", "disk"}
    assert document["billing_now"] == []


def test_a_price_of_tokens_comes_with_the_share_of_the_time_it_rests_on(app, rented, journal):
    for minute, tokens in ((9, 0), (30, 100_000)):
        data = {"prompt_tokens": tokens, "generation_tokens": tokens, "run": None, "kv_peak": None, "kv_tokens": None}
        journal.append(event("worked", at(minute), data))
    said = " ".join(run(app, "--offline").stdout.split())
    assert "100,000 100,000 ~$1.5300 ~$0.7650 44 %" in said
    (told,) = json.loads(run(app, "--offline", "--json").stdout)["tokens"].values()
    assert (told["usd_per_million_output"], told["seen_share"]) == ("1.53", "0.4444")


def test_a_live_view_for_programs_is_refused(app, rented):
    with pytest.raises(UsageError, match="for people"):
        run(app, "--watch", "5", "--json")


def test_a_budget_that_is_used_up_is_said_below_the_report(app, rented, journal, monkeypatch):
    monkeypatch.setattr("cloudgpu.cli.session.SystemClock", lambda: ManualClock(time=at(300)))

    def note(limit):
        data = {"monthly_usd": limit, "per_deployment": {}, "hard": False, "stop": False}
        journal.append(event("budget", at(), data, token=None, deployment=None))
        return json.loads(run(app, "--offline", "--json").stdout)["notes"]

    assert note("1000") == []
    (said,) = note("0.10")
    assert "used: $0.34 of $0.10, gone since 2026-03-01 12:" in said
    assert "gone since" in run(app, "--offline").stdout


def test_ctrl_c_is_the_end_of_the_live_view_and_no_error(app, rented, monkeypatch):
    def ctrl_c(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("cloudgpu.base.clock.SystemClock.sleep", ctrl_c)
    done = run(app, "--watch", "5", "--offline")
    assert done.exit_code == 0
    assert "$0.3420" in done.stdout


def test_the_live_view_goes_on_though_the_journal_takes_nothing_more(app, rented, monkeypatch):
    def ctrl_c(*_):
        raise KeyboardInterrupt

    def append(store, _):
        if not store.stands_in:
            raise UnwritableStoreError("the journal cannot be used")

    monkeypatch.setattr("cloudgpu.base.clock.SystemClock.sleep", ctrl_c)
    monkeypatch.setattr(Store, "append", append)
    account = SimpleNamespace(balance_usd=lambda: Decimal(5))
    monkeypatch.setattr("cloudgpu.cli.session.Session.provider", lambda self, name: account)
    done = run(app, "--watch", "5")
    assert "$0.3420" in done.stdout
    assert done.exit_code == 1
    assert "could not be noted" in done.stderr


def test_an_export_to_a_file_is_whole_and_adds_up(app, rented, tmp_path):
    target = tmp_path / "costs.csv"
    run(app, "export", "--format", "csv", "-o", str(target))
    rows = list(csv.DictReader(target.read_text().splitlines()))
    assert sum(Decimal(row["total_usd"]) for row in rows) == Decimal("0.342000000001")
    assert [path.name for path in tmp_path.glob(".costs*")] == []


def test_an_export_without_a_file_goes_to_stdout_and_nothing_else_does(app, rented):
    assert json.loads(run(app, "export", "--format", "json").stdout)["totals"]["total_usd"] == "0.342000000001"


def test_a_folder_that_does_not_exist_is_one_clear_sentence(app, rented, tmp_path):
    with pytest.raises(BadFileError, match="there is no folder"):
        run(app, "export", "--format", "csv", "-o", str(tmp_path / "missing" / "costs.csv"))


def test_a_folder_in_the_place_of_the_file_is_one_clear_sentence(app, rented, tmp_path):
    with pytest.raises(BadFileError, match="is a folder"):
        run(app, "export", "--format", "csv", "-o", str(tmp_path))


def test_an_existing_file_that_must_not_be_written_is_left_alone(app, rented, tmp_path, monkeypatch):
    target = tmp_path / "costs.csv"
    target.write_text("precious")
    target.chmod(stat.S_IRUSR)
    readable_only = lambda path, mode: mode != os.W_OK or path != target  # noqa: E731
    monkeypatch.setattr("os.access", readable_only)  # root may write anything, whatever the mode says
    with pytest.raises(BadFileError, match="cannot be written"):
        run(app, "export", "--format", "csv", "-o", str(target), "--force")
    assert target.read_text() == "precious"


def test_the_reason_why_a_place_may_not_be_written_is_said(app, rented, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK or path != tmp_path)
    with pytest.raises(BadFileError, match="you may not write into the folder"):
        run(app, "export", "--format", "csv", "-o", str(tmp_path / "costs.csv"))
    monkeypatch.setattr("os.statvfs", lambda path: SimpleNamespace(f_flag=os.ST_RDONLY))
    with pytest.raises(BadFileError, match="its file system is mounted read-only"):
        run(app, "export", "--format", "csv", "-o", str(tmp_path / "costs.csv"))


def test_a_file_is_said_to_have_rows(app, rented, tmp_path):
    said = run(app, "export", "--format", "csv", "-o", str(tmp_path / "costs.csv")).stderr
    assert "1 row, $0.342000000001 in" in said


def test_a_device_or_a_pipe_is_never_replaced_by_a_file(app, rented, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BadFileError, match="no ordinary file"):
        run(app, "export", "--format", "csv", "-o", str(pipe), "--force")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_disk_that_fills_up_leaves_the_old_file_as_it_was(app, rented, tmp_path, monkeypatch):
    target = tmp_path / "costs.csv"
    target.write_text("precious")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(BadFileError, match="No space left"):
        run(app, "export", "--format", "csv", "-o", str(target), "--force")
    assert target.read_text() == "precious"
    assert list(tmp_path.glob(".costs*")) == []


def test_an_unknown_format_is_refused(app, rented):
    assert RUNNER.invoke(app, ["cost", "export", "--format", "pdf"]).exit_code == 2


def test_a_file_with_content_is_replaced_only_when_asked(app, rented, tmp_path):
    target = tmp_path / "costs.csv"
    target.write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        run(app, "export", "--format", "csv", "-o", str(target))
    assert target.read_text() == "precious"
    run(app, "export", "--format", "csv", "-o", str(target), "--force")
    assert "mistral" in target.read_text()


def test_a_format_that_is_no_text_needs_a_file(app, rented):
    with pytest.raises(UsageError, match="needs a file"):
        run(app, "export", "--format", "parquet")


@pytest.mark.parametrize("file_format", ["csv", "json", "jsonl", "md", "html", "focus", "xlsx", "parquet"])
def test_every_format_says_what_it_wrote(app, rented, tmp_path, file_format):
    target = tmp_path / f"costs.{file_format}"
    said = json.loads(run(app, "export", "--format", file_format, "-o", str(target), "--json").stdout)
    assert said["files"][0] == str(target)
    assert said["totals"]["total_usd"] == "0.342000000001"
    assert target.stat().st_size > 0
    if file_format == "focus":
        assert json.loads((tmp_path / "costs.focus.metadata.json").read_text())["Schema"]["FocusVersion"] == "1.2"


def test_only_the_asked_days_are_told(app, rented):
    within = json.loads(run(app, "--json", "--since", "2026-03-01", "--until", "2026-03-01").stdout)
    assert within["total"]["usd"]["total"] == "0.342000000001"
    assert json.loads(run(app, "--json", "--since", "2026-03-02").stdout)["total"]["usd"]["total"] == "0"


@pytest.mark.parametrize("words", [("--since", "tomorrow"), ("--since", "2026-03-02", "--until", "2026-03-01")])
def test_days_that_cannot_be_are_refused(app, rented, words):
    with pytest.raises(UsageError):
        run(app, *words)


def test_a_top_up_is_recorded_and_stands_beside_the_consumption(app, rented):
    run(app, "top-up", "50", "--provider", "vast", "--at", "2026-02-28", "--note", "invoice 7")
    text = run(app, "export", "--format", "focus").stdout
    (paid,) = [row for row in csv.DictReader(text.splitlines()) if row["ChargeCategory"] == "Purchase"]
    assert (paid["BilledCost"], paid["EffectiveCost"]) == ("50.0", "0.0")
    assert "invoice 7" in paid["ChargeDescription"]


def test_a_top_up_that_was_recorded_before_is_said_and_can_be_taken_back(app, rented, journal):
    first, again = (run(app, "top-up", "50", "--provider", "vast", "--at", "2026-02-28") for _ in range(2))
    assert "the very same" not in first.stderr.lower()
    back = " ".join(again.stderr.split()).partition("back: ")[2]
    assert "was recorded before" in again.stderr
    run(app, *back.split()[2:])
    assert sum(Decimal(each.data["usd"]) for each in journal.events() if each.kind == "top_up") == 50


def test_a_refund_is_told_as_one(app, rented):
    said = run(app, "top-up", "-5", "--provider", "vast", "--at", "2026-02-28").stdout
    assert "$5.00 paid back by vast" in said


def test_a_top_up_that_is_still_to_come_is_refused(app, rented):
    with pytest.raises(UsageError, match="still to come at vast"):
        run(app, "top-up", "5", "--provider", "vast", "--at", "2999-01-01")


@pytest.mark.parametrize(
    "words",
    [
        ("0", "--provider", "vast"),
        ("ten", "--provider", "vast"),
        ("€5", "--provider", "vast"),
        ("1e400", "--provider", "vast"),
        ("-1e30", "--provider", "vast"),
        ("1e-13", "--provider", "vast"),
        ("5", "--provider", "x"),
        ("5", "--provider", "vast", "--at", "yesterday"),
        ("5", "--provider", "vast", "--at", ""),
    ],
)
def test_a_top_up_that_says_nothing_is_refused_and_leaves_the_ledger_untouched(app, rented, journal, words):
    before = journal.events()
    with pytest.raises(UsageError):
        run(app, "top-up", *words)
    assert journal.events() == before
