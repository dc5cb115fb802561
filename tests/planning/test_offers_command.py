"""`cloudgpu offers` sorted, as CSV, watched and recorded; `cloudgpu gpus` with prices."""

import csv
import io
import json

import pytest
import typer
from typer.testing import CliRunner

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import NotFoundError, NothingFitsError, UsageError
from cloudgpu.cli import gpus as gpus_command
from cloudgpu.cli import offers as offers_command
from cloudgpu.cli.session import Session


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name in ("VAST_API_KEY", "RUNPOD_API_KEY", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    app = typer.Typer()
    offers_command.register(app)
    gpus_command.register(app)

    def go(*arguments):
        done = CliRunner().invoke(app, list(arguments))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            done.exception.stdout = done.stdout
            raise done.exception
        return done.stdout

    return go


@pytest.mark.parametrize(
    ("sort", "measure"),
    [
        ("price-per-gpu", lambda row: float(row["gpu_usd_per_hour"]) / row["gpu_count"]),
        ("price-per-gib", lambda row: float(row["gpu_usd_per_hour"]) / row["gpu_count"] / row["gpu_memory_mib"]),
        ("reliability", lambda row: -(row["reliability"] or 0)),
        ("download", lambda row: -(row["download_mbps"] or 0)),
        ("disk", lambda row: -(row["disk_gb"] or 0)),
    ],
)
def test_offers_are_sorted_by_what_is_asked_for(run, sort, measure):
    found = [round(measure(row), 9) for row in json.loads(run("offers", "--sort", sort, "--json"))["offers"]]
    assert len(found) > 100
    assert found == sorted(found)


def test_csv_has_every_field_of_every_offer(run):
    rows = list(csv.DictReader(io.StringIO(run("offers", "--gpu", "H100 SXM", "--csv"))))
    assert {row["gpu"] for row in rows} == {"H100 SXM"}
    assert all(float(row["gpu_usd_per_hour"]) > 1 for row in rows)


def test_a_record_can_be_planned_on(run, tmp_path):
    path = tmp_path / "snap.jsonl"
    assert str(path) in run("offers", "record", "--gpu", "L40S", "--out", str(path))
    again = json.loads(run("offers", "--offers", str(path), "--json"))
    assert {row["gpu"] for row in again["offers"]} == {"L40S"}
    assert again["source"] == "file"


@pytest.mark.parametrize("arguments", [["recrod"], ["--sort", "beauty"]])
def test_a_word_or_an_order_that_there_is_not_is_a_usage_error(run, arguments):
    with pytest.raises(UsageError):
        run("offers", *arguments)


def test_nothing_is_recorded_of_nothing(run, tmp_path):
    with pytest.raises(NothingFitsError):
        run("offers", "record", "--max-price", "0.0001", "--out", str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_watching_shows_them_again_until_stopped(run, monkeypatch, now):
    class Impatient(ManualClock):
        def sleep(self, seconds):
            super().sleep(seconds)
            if (self.now() - now).total_seconds() >= 60:
                raise KeyboardInterrupt

    clock = Impatient(now)
    monkeypatch.setattr(Session, "clock", lambda self, name: clock)
    assert run("offers", "--watch", "30", "--gpu", "L4").count("offers; the best") == 2


def test_cards_show_what_they_cost_and_how_old_that_is(run):
    card = json.loads(run("gpus", "4090", "--json"))["gpus"][0]["usd_per_gpu_hour"]
    assert 0.1 < float(card["low"]) <= float(card["high"]) < 5
    assert card["age_s"] > 0
    assert "reference figures" in run("gpus", "4090")


def test_machines_are_put_on_the_list_and_taken_off_again(run):
    assert "No machine" in run("offers", "blocked")
    shown = run("offers", "block", "4711", "--provider", "vast", "--why", "its port was dead", "--json")
    [entry] = json.loads(shown)["blocked"]
    assert (entry["provider"], entry["machine_id"], entry["why"]) == ("vast", "4711", "its port was dead")
    assert "its port was dead" in run("offers", "blocked")
    assert "No machine" in run("offers", "unblock", "4711")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("block",), UsageError, "which machine"),
        (("unblock",), UsageError, "which machine"),
        (("blocked", "4711"), UsageError, "takes no machine"),
        (("record", "4711"), UsageError, "takes no machine"),
        (("block", "4711"), UsageError, "one provider"),
        (("unblock", "4711"), NotFoundError, "4711"),
        (("unblock", "all"), NotFoundError, "all"),
    ],
)
def test_a_list_command_that_cannot_be_meant_is_refused(run, arguments, error, said):
    with pytest.raises(error, match=said):
        run("offers", *arguments)
