"""What the table of `status` says stands under the heading that names it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cloudgpu.base.clock import ManualClock
from cloudgpu.cli import deployment_view
from cloudgpu.running.records import Deployment, DeploymentState

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
READY = Deployment.from_body(
    {
        "name": "mistral", "service": "mistral", "token": "cloudgpu-0", "provider": "vast", "account": "1",
        "model": "org/a-model", "short_name": "mistral", "gpu": "RTX 4090", "gpu_count": 1, "gpu_memory_mib": 24564,
        "disk_gb": 40, "offer_id": "7", "machine_id": "8", "state": DeploymentState.READY.value,
        "gpu_usd_per_hour": "0.3", "disk_usd_per_hour": "0.01", "download_usd": "0.2", "agreed_usd_per_hour": "0.4",
        "since": "2026-03-01T12:00:00Z", "health": {"port": 8000, "path": "/health", "model_id": "m"},
        "instance_id": "33", "endpoint": "http://203.0.113.7:41000",
    }
)  # fmt: skip


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


def test_the_widest_table_shows_everything(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    deployment_view.show_table(Session(), [READY])
    head = capsys.readouterr().out.splitlines()[0].split()
    assert head == ["NAME", "STATE", "PROVIDER", "GPU", "$/H", "SO", "FAR", "UP", "MODEL", "INSTANCE", "ENDPOINT"]
