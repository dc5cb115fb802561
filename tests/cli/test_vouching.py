"""While something may bill that nobody can vouch for, every command that reads the journal says so and exits with 6."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cloudgpu.base.errors import UnwritableStoreError
from cloudgpu.base.secret import Secret
from cloudgpu.cli import main as entry
from cloudgpu.cli import session as sessions
from cloudgpu.running.records import Deployment, DeploymentState, Service
from cloudgpu.running.store import Store
from cloudgpu.serving.launch import HealthCheck

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
READY = Deployment(
    name="mistral", service="mistral", token="cloudgpu-0", provider="vast", account="1", plan_id=None,
    model="mistralai/Mistral-7B-Instruct-v0.2", short_name="mistral", gpu="RTX 4090", gpu_count=1,
    gpu_memory_mib=24564, disk_gb=40, offer_id="7", machine_id="8", location=None, state=DeploymentState.READY,
    gpu_usd_per_hour=Decimal("0.3"), disk_usd_per_hour=Decimal("0.01"), download_usd=Decimal("0.2"), since=NOON,
    lease_until=None, health=HealthCheck(port=8000, path="/health", model_id="m"), instance_id="33",
    endpoint="http://203.0.113.7:41000", ready_at=NOON,
)  # fmt: skip


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("VAST_API_KEY", "RUNPOD_API_KEY", "VAST_URL", "CLOUDGPU_STORE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(sessions, "_opened", [])
    return tmp_path / "cloudgpu"


@pytest.fixture
def journal(home):
    store = Store(f"sqlite:///{home / 'cloudgpu.db'}")
    yield store
    store.close()


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["cloudgpu", *arguments])
    with pytest.raises(SystemExit) as end:
        entry.main()
    return end.value.code


@pytest.mark.parametrize(
    "arguments",
    [["gc"], ["migrate", "list"], ["migrate", "list", "--json"], ["gateway", "status"], ["cost", "--offline"],
     ["status", "--offline"]],
)  # fmt: skip
def test_an_end_that_was_not_confirmed_is_loud_everywhere(home, journal, monkeypatch, capsys, arguments):
    journal.save_deployment(replace(READY, state=DeploymentState.CLEANUP_FAILED))
    assert run(monkeypatch, *arguments) == 6
    assert "mistral may still bill at vast (instance 33)" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["lint", "validate-profile"])
def test_what_judges_a_set_up_ends_with_its_own_verdict_whatever_bills(home, journal, monkeypatch, command):
    journal.save_deployment(replace(READY, state=DeploymentState.CLEANUP_FAILED))
    assert run(monkeypatch, command, "vllm") == 0


def test_gc_never_calls_it_clean_where_it_could_not_look(home, journal, monkeypatch, capsys):
    journal.save_deployment(replace(READY, state=DeploymentState.CLEANUP_FAILED))
    run(monkeypatch, "gc")
    out, err = capsys.readouterr()
    assert "Nothing unwanted bills" not in out
    assert "VAST_API_KEY" in err


def test_gc_that_asked_nobody_calls_nothing_clean(home, journal, monkeypatch, capsys):
    assert run(monkeypatch, "gc") == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert "nobody was asked what bills" in err


def test_when_all_is_well_nothing_is_said(home, journal, monkeypatch, capsys):
    journal.save_deployment(replace(READY, state=DeploymentState.GONE))
    assert run(monkeypatch, "migrate", "list") == 0
    assert capsys.readouterr().err == ""


def test_a_deployment_that_serves_but_was_never_given_its_address_is_given_it_by_up(home, journal, monkeypatch, capsys):
    journal.save_deployment(READY)
    journal.save_service(Service(name="mistral", api_key=Secret("sk-1"), serving=None))
    monkeypatch.setattr("cloudgpu.cli.up.run._still_there", lambda session, standing: standing)  # the provider shows it
    monkeypatch.setattr("cloudgpu.cli.up.run.note_work", lambda *_: None)  # its engine stands nowhere
    assert run(monkeypatch, "up", "mistral", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["deployment"]["instance_id"] == "33"
    assert "sk-1" in (home / "services" / "mistral" / "current" / "endpoint.env").read_text()


def test_an_address_that_cannot_be_written_says_what_bills(home, journal, monkeypatch, capsys):
    journal.save_deployment(READY)
    journal.save_service(Service(name="mistral", api_key=Secret("sk-1"), serving=None))
    (home / "services").write_text("in the way")
    monkeypatch.setenv("VAST_API_KEY", "k")
    monkeypatch.setattr("cloudgpu.cli.up.run._still_there", lambda session, standing: standing)
    assert run(monkeypatch, "up", "mistral", "--yes") == 6
    err = capsys.readouterr().err
    assert "mistral answers and bills $0.3100/h" in err
    assert "nothing new is rented" in err


@pytest.mark.parametrize("method", ["save_service", "events"])
def test_an_up_whose_disk_is_full_at_the_end_names_what_bills(home, journal, monkeypatch, capsys, method):
    def full(*_):
        raise UnwritableStoreError("the disk is full", hint="free some space")

    journal.save_deployment(READY)
    journal.save_service(Service(name="mistral", api_key=Secret("sk-1"), serving=None))
    monkeypatch.setenv("VAST_API_KEY", "k")
    monkeypatch.setattr("cloudgpu.cli.up.run._still_there", lambda session, standing: standing)
    monkeypatch.setattr("cloudgpu.cli.up.run.note_work", lambda *_: None)
    monkeypatch.setattr(Store, method, full)
    assert run(monkeypatch, "up", "mistral", "--yes") == 6
    err = capsys.readouterr().err
    assert "mistral answers and bills $0.3100/h (instance 33 at vast), but the disk is full" in err
    assert "cloudgpu down mistral, or at https://" in err
