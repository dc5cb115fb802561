"""What providers tell of their cards reaches the journal; what cannot be meant is left out and spoils nothing."""

import dataclasses
from decimal import Decimal

import pytest

from cloudgpu.base.events import EventKind
from cloudgpu.running.gpu_load import GpuLoad
from cloudgpu.running.providers.runpod.pods import view as pod_view
from cloudgpu.running.providers.vast.instances import view as vast_view

VAST = {"id": 7, "dph_base": Decimal("0.3"), "dph_total": Decimal("0.32"), "actual_status": "running"}
POD = {"id": "p", "status": "RUNNING", "cost": Decimal("0.5"), "disk": 20}


@pytest.mark.parametrize(
    ("told", "load"),
    [
        ({"gpu_util": Decimal("35.5"), "gpu_temp": 58}, GpuLoad(util_percent=35.5, temperature_c=58.0)),
        ({"gpu_util": 0, "gpu_temp": None}, GpuLoad(util_percent=0.0)),
        ({"gpu_util": -1, "gpu_temp": "hot"}, None),
        ({"gpu_util": True, "gpu_temp": 4000}, None),
        ({}, None),
    ],
)
def test_vast_tells_load_and_temperature(told, load):
    assert vast_view({**VAST, **told}).gpu_load == load


@pytest.mark.parametrize(
    ("runtime", "load"),
    [
        (
            {"gpus": [{"util": 10, "memoryUtil": 91}, {"util": 80, "memoryUtil": 3}]},
            GpuLoad(util_percent=80, memory_percent=91),
        ),
        ({"gpus": "none"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_runpod_tells_load_and_memory_of_each_card_and_the_highest_counts(runtime, load):
    assert pod_view({**POD, "runtime": runtime}).gpu_load == load


def test_a_load_is_kept_with_the_deployment_and_is_no_event_by_itself(desk, monkeypatch):
    deployment = desk.refresh(desk.up())
    before = [event.kind for event in desk.store.events()]
    shown = desk.provider.instances
    load = GpuLoad(util_percent=44.0, temperature_c=61.0)
    monkeypatch.setattr(desk.provider, "instances", lambda: [_with(each, load) for each in shown()])
    kept = desk.refresh(deployment)
    assert desk.store.life(deployment.token).gpu_load == kept.gpu_load == load
    assert [event.kind for event in desk.store.events()] == before
    assert EventKind.OBSERVED in before


def _with(view, load):
    return dataclasses.replace(view, gpu_load=load)
