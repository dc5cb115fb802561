"""`advise` over a provider on paper: what idles, what stands, what is dearer than it must be, and what is not known."""

import dataclasses
import json
import re
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from cloudgpu.base.events import Event, EventKind
from cloudgpu.cli.advise import offers, run
from cloudgpu.cli.advise.offers import Question
from cloudgpu.cli.advise.run import Limits, counsel_of
from cloudgpu.cli.sweeping import Found
from cloudgpu.planning.market import reference_market
from cloudgpu.running.deployment.tell_work import tell_work
from cloudgpu.running.providers.base import InstanceState
from cloudgpu.running.work import Tokens, Work
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


def read(desk, deployment, tokens, *, ago=timedelta(0), requests=0):
    """The engine's counters as `cost`, `watch` or any other command reads them."""
    work = Work(now=requests, tokens=Tokens(prompt=0, generation=tokens))
    moment = desk.clock.now() - ago
    told = tell_work(desk.store.life(deployment.token), work, moment, desk.store.append)
    desk.store.save_deployment(told)


def test_what_had_no_work_for_longer_than_asked_is_named_with_what_its_end_saves(desk, session):
    deployment = kept(desk)
    for tokens, hours in ((6, 3), (7, 2), (7, 1), (7, 0)):
        read(desk, deployment, tokens, ago=timedelta(hours=hours))
    (told,) = advice(session).advice
    assert (told.kind, told.deployment, told.command) == ("idle", "mistral", "cloudgpu down mistral")
    assert told.saving_usd == deployment.usd_per_hour * 24
    assert "no token for 2 h 00 min (3 readings since 2026-03-01 10:" in told.text


def test_a_shorter_silence_is_no_idleness(desk, session):
    deployment = kept(desk, gpu_usd_per_hour=Decimal("0.01"))
    for tokens, minutes in ((6, 10), (7, 5), (7, 0)):
        read(desk, deployment, tokens, ago=timedelta(minutes=minutes))
    told = advice(session)
    assert told.advice == []
    assert "worked before" not in " ".join(told.unknown)


def test_a_time_that_is_too_short_to_judge_is_said_and_since_when_it_is_known(desk, session):
    deployment = kept(desk, gpu_usd_per_hour=Decimal("0.01"))
    for minutes in (5, 0):
        read(desk, deployment, 7, ago=timedelta(minutes=minutes))
    told = " ".join(advice(session).unknown)
    assert "Whether mistral worked before 2026-03-01 11:" in told
    assert "5 min 00 s without a token" in told


def test_idleness_ends_with_the_last_reading_whose_age_is_said(desk, session):
    deployment = kept(desk)
    for hours in (3, 2):
        read(desk, deployment, 7, ago=timedelta(hours=hours))
    (told,) = advice(session).advice
    assert "no token for at least 1 h 00 min (2 readings" in told.text
    assert told.text.endswith("read last 2 h 00 min ago")


def test_what_answers_somebody_now_is_not_idle(desk, session):
    deployment = kept(desk, gpu_usd_per_hour=Decimal("0.01"))
    for hours, requests in ((3, 0), (0, 1)):
        read(desk, deployment, 7, ago=timedelta(hours=hours), requests=requests)
    assert advice(session).advice == []


def test_the_disk_of_what_stopped_is_named_at_its_own_price(desk, session):
    deployment = kept(desk)
    desk.provider.machines[deployment.instance_id].state = InstanceState.STOPPED
    desk.refresh(deployment)
    (told,) = advice(session).advice
    assert (told.kind, told.saving_usd) == ("stopped_disk", deployment.disk_usd_per_hour * 24)


def test_a_cheaper_offer_counts_only_what_is_left_after_the_move(desk, session):
    deployment = kept(desk, gpu_usd_per_hour=Decimal(4))
    (told,) = advice(session).advice
    assert told.kind == "cheaper"
    assert 0 < told.saving_usd < deployment.usd_per_hour * 24
    assert "--migrate-from mistral" in told.command


def test_nothing_is_advised_where_the_move_costs_more_than_it_saves(desk, session):
    kept(desk, gpu_usd_per_hour=Decimal("0.01"))
    assert advice(session).advice == []


def test_what_could_not_be_found_out_is_said(desk, session):
    kept(desk)
    told = " ".join(advice(session).unknown)
    for words in ("its engine's counters", "nobody was asked", "reference figures", "was not watched for"):
        assert words in told


def test_a_stopped_emulator_is_left_stopped_and_its_offers_are_called_unknown(desk, session, monkeypatch):
    session.is_asleep = lambda _: True
    monkeypatch.setattr(offers, "market_for", lambda *_, **__: pytest.fail("it would be started"))
    monkeypatch.setattr(run, "look_everywhere", lambda *_, **__: Found(deployments=desk.store.deployments()))
    kept(desk, provider="emulator", gpu_usd_per_hour=Decimal(4))
    told = counsel_of(session, Limits(idle_s=1800.0, seen_s=86400.0), Question(hours=DAY, offline=False))
    assert told.advice == []
    assert (
        "Whether something cheaper than mistral fits: the emulator is stopped (cloudgpu emulator start)."
        in told.unknown
    )


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
        desk, gpu="A100 SXM", gpu_memory_mib=81920, gpu_usd_per_hour=Decimal("2.5"),
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
