"""What Prometheus reads: costs, burn, states and budgets, and which engines it may scrape itself."""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from cloudgpu.accounting.history import read_history
from cloudgpu.base.clock import parse_utc
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.settings import read_settings
from cloudgpu.cli.metrics.app import metrics_app
from cloudgpu.cli.metrics.engine_families import card_families, engine_families
from cloudgpu.cli.metrics.families import families
from cloudgpu.cli.session import Session
from cloudgpu.running.engine_reading import EngineReading
from cloudgpu.running.gpu_load import GpuLoad
from cloudgpu.running.records import DeploymentState
from cloudgpu.running.token_count import TokenCount
from tests.free_port import free_port

ROOT = Path(__file__).parents[2]
parser = pytest.importorskip("prometheus_client.parser")


@pytest.fixture
def session(tmp_path):
    session = Session(read_settings({"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}))
    rented = {"model": 'a "model"', "gpu": "RTX 4090", "gpu_usd_per_hour": "0.36", "disk_usd_per_hour": "0.018"}
    seen = {"state": "ready", "gpu_billing": True, "disk_billing": True, **rented}
    told = [("intended", rented), ("created", {}), ("observed", seen), ("balance", {"usd": "12.5"})]
    told.append(("budget", {"monthly_usd": "50", "per_deployment": {}, "hard": True, "stop": False}))
    for kind, data in told:
        own = {} if kind in ("balance", "budget") else {"token": "t-1", "deployment": "mistral"}
        at = parse_utc("2026-03-01T12:00:00+00:00")
        session.emit(Event(kind=EventKind(kind), at=at, provider="vast", data=data, **own))
    yield session
    session.store.close()


def read(session):
    text = TestClient(metrics_app(session)).get("/metrics").text
    return {family.name: family.samples for family in parser.text_string_to_metric_families(text)}


def test_every_family_can_be_read_by_prometheus_own_parser(session):
    told = read(session)
    assert {"cloudgpu_cost_usd", "cloudgpu_burn_usd_per_hour", "cloudgpu_balance_usd"} <= set(told)
    (burn,) = told["cloudgpu_burn_usd_per_hour"]
    assert (burn.labels["deployment"], burn.value) == ("mistral", 0.378)
    assert told["cloudgpu_balance_usd"][0].value == 12.5
    assert told["cloudgpu_balance_left_seconds"][0].value == pytest.approx(12.5 / 0.378 * 3600)
    assert told["cloudgpu_budget_limit_usd"][0].value == 50
    assert {sample.labels["model"] for sample in told["cloudgpu_cost_usd"]} == {'a "model"'}


def test_when_each_figure_was_seen_stands_beside_it(session):
    when = parse_utc("2026-03-01T12:00:00+00:00")
    seen = SimpleNamespace(
        name="mistral", provider="vast", service="mistral", gpu="RTX 4090", state=DeploymentState.OUTBID, seen_at=when,
        engine=None, gpu_load=None,
    )  # fmt: skip
    history = read_history(session.store.events())
    told = {name: samples for name, _, _, samples in families(history, when, [seen], [], [])}
    assert told["cloudgpu_last_look_timestamp_seconds"] == [(("mistral", "vast"), when.timestamp())]
    assert told["cloudgpu_balance_read_timestamp_seconds"] == [(("vast",), when.timestamp())]


def test_what_engines_and_cards_told_at_the_last_look_is_told_in_base_units():
    noon, none = parse_utc("2026-03-01T12:00:00+00:00"), TokenCount()
    reading = EngineReading(
        told_at=noon, read_at=noon, known_since=noon, still_since=noon, still_readings=1, ours=none, served=none,
        prompt_tokens=7, generation_tokens=9, requests=2, run=None,
        kv_share=Decimal("0.25"), kv_peak=None, kv_tokens=None,
    )  # fmt: skip
    load = GpuLoad(util_percent=35.0, temperature_c=58.0)
    where = {"provider": "vast", "gpu": "RTX 4090"}
    one = SimpleNamespace(name="mistral", state=DeploymentState.READY, engine=reading, gpu_load=load, **where)
    silent = SimpleNamespace(name="other", state=DeploymentState.READY, engine=None, gpu_load=None, **where)
    ended = SimpleNamespace(name="ended", state=DeploymentState.FAILED, engine=reading, gpu_load=None, **where)
    every = [one, silent, ended]
    told = {name: samples for name, _, _, samples in (*engine_families(every), *card_families(every))}
    assert told["cloudgpu_engine_tokens"] == [(("mistral", "prompt"), 7.0), (("mistral", "output"), 9.0)]
    assert told["cloudgpu_kv_cache_used_ratio"] == [(("mistral",), 0.25)]
    assert told["cloudgpu_kv_cache_tokens"] == told["cloudgpu_gpu_memory_used_ratio"] == []
    assert told["cloudgpu_gpu_utilization_ratio"] == [(("mistral", "vast", "RTX 4090"), 0.35)]
    assert told["cloudgpu_gpu_temperature_celsius"] == [(("mistral", "vast", "RTX 4090"), 58.0)]


def test_the_grafana_dashboard_asks_only_for_families_and_labels_that_exist(session):
    panels = json.loads((ROOT / "docs" / "grafana.json").read_text(encoding="utf-8"))["panels"]
    told = {name: labels for name, _, labels, _ in families(read_history([]), session.clock("vast").now(), [], [], [])}
    asked = [target for panel in panels for target in panel["targets"]]
    assert len(asked) >= len(panels) > 0
    for target in asked:
        (family,) = re.findall(r"cloudgpu_\w+", target["expr"])
        wanted = re.findall(r"{{(\w+)}}", target["legendFormat"]) + re.findall(r"by \((\w+)\)", target["expr"])
        assert set(wanted) <= set(told[family])
    named = {word for target in asked for word in re.findall(r"cloudgpu_\w+", target["expr"])}
    assert named == set(told) - {"cloudgpu_budget_limit_usd"}


def test_without_a_journal_there_is_nothing_to_tell_and_no_error(tmp_path):
    empty = Session(read_settings({"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}))
    assert read(empty)["cloudgpu_cost_usd"] == []
    assert TestClient(metrics_app(empty)).get("/targets").json() == []


@pytest.mark.slow
def test_a_real_prometheus_scrapes_it(session, tmp_path):
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        pytest.skip("no Prometheus on this machine: apt install prometheus")
    ours, theirs = free_port(), free_port()
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs:\n  - job_name: cloudgpu\n    static_configs: [{{targets: ['127.0.0.1:{ours}']}}]\n"
        f"  - job_name: engines\n    http_sd_configs: [{{url: 'http://127.0.0.1:{ours}/targets'}}]\n"
    )
    serve = [sys.executable, "-m", "cloudgpu", "metrics", "serve", "--port", str(ours)]
    environment = {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    scrape = [prometheus, f"--config.file={tmp_path / 'prometheus.yml'}", f"--web.listen-address=127.0.0.1:{theirs}",
              f"--storage.tsdb.path={tmp_path / 'data'}"]  # fmt: skip
    running = [
        subprocess.Popen(serve, env=environment, stdout=subprocess.DEVNULL),
        subprocess.Popen(scrape, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
    ]
    try:
        found = _ask(theirs, "sum(cloudgpu_burn_usd_per_hour)")
        assert float(found[0]["value"][1]) == 0.378
        assert _ask(theirs, 'up{job="cloudgpu"} == 1')  # a scrape of a busy machine may come too late now and then
    finally:
        for each in running:
            each.terminate()
        for each in running:
            each.wait(120)


def _ask(port, query):
    """What Prometheus finds, as soon as it finds something."""
    address = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(query)}"
    over_at_s = time.monotonic() + 300
    while time.monotonic() < over_at_s:
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            found = []
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"Prometheus never had {query}")
