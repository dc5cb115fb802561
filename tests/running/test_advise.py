"""`advise` over a provider on paper: what idles, what stands, what is dearer than it must be, and what is not known."""

import dataclasses
import json
import re
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from cloudgpu.base.events import Event, EventKind
from cloudgpu.cli.advise import offers
from cloudgpu.cli.advise.offers import Question
from cloudgpu.cli.advise.run import Limits, counsel_of
from cloudgpu.planning.market import reference_market
from cloudgpu.running.deployment import DeploymentState
from cloudgpu.serving.profile import Profile

DAY = Decimal(24)


@pytest.fixture
def session(desk, monkeypatch):
    monkeypatch.setattr(offers, "market_for", lambda *_, **__: (reference_market(()), desk.clock.now()))
    return SimpleNamespace(
        store=desk.store, clock=lambda _: desk.clock, events=desk.store.events,
        settings=SimpleNamespace(state_dir=desk.path),
    )  # fmt: skip


def kept(desk, **changes):
    deployment = dataclasses.replace(desk.up(), **changes)
    desk.store.save_deployment(deployment)
    return deployment


def advice(session, idle_s=1800.0):
    return counsel_of(session, Limits(idle_s=idle_s, seen_s=86400.0), Question(hours=DAY, offline=True))


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
    for words in ("its engine's counters", "nobody was asked", "reference figures", "was not watched for"):
        assert words in told


def watched(desk, deployment, peak, *, hours=25, kv_tokens=400_000):
    """Readings of the engine's cache over so many hours, one an hour, that end now."""
    data = {"prompt_tokens": 1, "generation_tokens": 1, "run": None, "kv_peak": peak, "kv_tokens": kv_tokens}
    for hour in range(hours + 1):
        at = desk.clock.now() - timedelta(hours=hours - hour)
        event = Event(kind=EventKind.WORKED, at=at, deployment=deployment.name, provider=deployment.provider,
                      token=deployment.token, data={**data, "generation_tokens": hour})  # fmt: skip
        desk.store.append(event)


def large(desk, **more):
    return kept(
        desk, work_done="7", gpu="A100 SXM", gpu_memory_mib=81920, gpu_usd_per_hour=Decimal("2.5"),
        short_name="qwen3-8b", **more,
    )  # fmt: skip


def test_a_card_too_large_for_its_cache_is_named_with_a_smaller_one_that_holds_what_was_seen(desk, session):
    deployment = large(desk)
    watched(desk, deployment, "0.1")
    (told,) = advice(session).advice
    assert told.kind == "too_large"
    assert "at most 10 % full (40,000 tokens, 24 readings in 1 d 0 h)" in told.text
    assert int(re.search(r"one for ([\d,]+) tokens", told.text)[1].replace(",", "")) >= 60_000
    assert told.saving_usd > 0


@pytest.mark.parametrize(
    ("peak", "hours", "tokens"), [("0.8", 25, 400_000), ("0.1", 5, 400_000), ("0.1", 25, None)],
    ids=["it is used", "not watched for long enough", "the engine does not say how much it holds"],
)  # fmt: skip
def test_a_card_is_not_called_too_large_without_proof(desk, session, peak, hours, tokens):
    watched(desk, large(desk), peak, hours=hours, kv_tokens=tokens)
    assert "too_large" not in {each.kind for each in advice(session).advice}


def test_offers_are_compared_by_the_context_that_the_engine_was_started_with(desk, session):
    launch = desk.path / "launches" / "d1.json"
    launch.parent.mkdir()
    profile = Profile(name="m", template=None, image=None, entrypoint=(), args=("--max-model-len", "16384"),
                      variables=(), ports=())  # fmt: skip
    launch.write_text(json.dumps(profile.as_body()))
    large(desk, launch_digest="d1")
    told = advice(session)
    assert [each.kind for each in told.advice] == ["cheaper"]
    assert "Which context" not in " ".join(told.unknown)
