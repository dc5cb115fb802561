"""`advise` over a provider on paper: what idles, what stands, what is dearer than it must be, and what is not known."""

import dataclasses
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from cloudgpu.cli.advise import run as advise_run
from cloudgpu.cli.advise.run import counsel_of
from cloudgpu.planning.market import reference_market
from cloudgpu.running.deployment import DeploymentState

DAY = Decimal(24)


@pytest.fixture
def session(desk, monkeypatch):
    monkeypatch.setattr(advise_run, "market_for", lambda *_, **__: (reference_market(()), desk.clock.now()))
    return SimpleNamespace(store=desk.store, clock=lambda _: desk.clock)


def kept(desk, **changes):
    deployment = dataclasses.replace(desk.up(), **changes)
    desk.store.save_deployment(deployment)
    return deployment


def advice(session, idle_s=1800.0):
    return counsel_of(session, idle_s=idle_s, hours=DAY, offline=True)


def test_what_had_no_work_for_longer_than_asked_is_named_with_what_its_end_saves(desk, session):
    deployment = kept(desk, work_done="7", idle_since=desk.clock.now() - timedelta(hours=1))
    (told,) = advice(session).advice
    assert (told.kind, told.deployment, told.command) == ("idle", "mistral", "cloudgpu down mistral")
    assert told.saving_usd == deployment.usd_per_hour * 24


def test_a_shorter_silence_is_no_idleness(desk, session):
    kept(desk, work_done="7", idle_since=desk.clock.now() - timedelta(minutes=5), gpu_usd_per_hour=Decimal("0.01"))
    assert advice(session).advice == []


def test_the_disk_of_what_stopped_is_named_at_its_own_price(desk, session):
    deployment = kept(desk, state=DeploymentState.FAILED)
    (told,) = advice(session).advice
    assert (told.kind, told.saving_usd) == ("stopped_disk", deployment.disk_usd_per_hour * 24)


def test_a_cheaper_offer_counts_only_what_is_left_after_the_move(desk, session):
    deployment = kept(desk, work_done="7", gpu_usd_per_hour=Decimal(4))
    (told,) = advice(session).advice
    assert told.kind == "cheaper"
    assert 0 < told.saving_usd < deployment.usd_per_hour * 24
    assert "--migrate-from mistral" in told.command


def test_nothing_is_advised_where_the_move_costs_more_than_it_saves(desk, session):
    kept(desk, work_done="7", gpu_usd_per_hour=Decimal("0.01"))
    assert advice(session).advice == []


def test_what_could_not_be_found_out_is_said(desk, session):
    kept(desk, work_done=None)
    told = " ".join(advice(session).unknown)
    for words in ("its engine's counters", "nobody was asked", "reference figures", "no history of it is kept"):
        assert words in told
