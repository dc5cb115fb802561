"""What providers show to anybody: asked without a key, said so, and replaced by reference figures where that fails."""

from dataclasses import replace

import pytest

from cloudgpu.base.errors import BadAnswerError, UsageError
from cloudgpu.base.settings import Setting, read_settings
from cloudgpu.cli.markets import Reach, gather, reach_of
from cloudgpu.cli.session import Session
from cloudgpu.emulator.rig import Rig
from cloudgpu.planning.offers.offer import OfferSource
from cloudgpu.running.providers import http, keyless
from cloudgpu.running.providers.base import OfferQuery
from cloudgpu.running.providers.keyless import search_without_key

QUERY = OfferQuery(disk_gb=60, min_total_memory_mib=30_000)


@pytest.fixture(scope="module")
def rig():
    with Rig(seed=3) as rig:
        yield rig


@pytest.fixture
def settings(rig, tmp_path):
    rig.reset()
    rig.record()
    return read_settings({"HOME": str(tmp_path), "VAST_URL": rig.url, "RUNPOD_API_BASE_URL": rig.url})


@pytest.fixture
def session(settings, rig, monkeypatch):
    monkeypatch.setattr(Session, "clock", lambda self, name: rig.clock)
    return Session(settings)


@pytest.mark.parametrize(("name", "note"), [("vast", "64 offers a search"), ("runpod", "being retired")])
def test_a_market_asked_without_a_key_says_so_and_no_key_is_sent(settings, rig, name, note):
    market = search_without_key(name, settings, QUERY, rig.clock)
    assert market.offers
    assert {offer.provider for offer in market.offers} == {name}
    assert note in market.notes[0]
    sent = [header.lower() for each in rig.received() for header, _ in each.headers]
    assert "host" in sent
    assert "authorization" not in sent


def test_runpods_clouds_are_told_apart_by_their_flags_without_a_key_too(settings, rig):
    everything = search_without_key("runpod", settings, OfferQuery(disk_gb=60, verified_only=False), rig.clock)
    clouds = {offer.offer_id.split("/")[1] for offer in everything.offers}
    assert clouds == {"secure", "community"}
    assert all(offer.verified for offer in search_without_key("runpod", settings, QUERY, rig.clock).offers)


def test_nobody_else_can_be_asked_without_a_key(settings, rig):
    with pytest.raises(UsageError, match="emulator"):
        search_without_key("emulator", settings, QUERY, rig.clock)


def test_without_a_key_and_without_being_asked_to_no_market_is_asked(session, rig):
    market = gather(session, ("vast", "runpod"), None, lambda: [QUERY])
    assert market.source is OfferSource.REFERENCE
    assert any("--live" in note for note in market.notes)
    assert list(rig.received()) == []


def test_that_a_slow_search_without_a_key_has_begun_is_said_at_once(session, rig, capsys):
    gather(session, ("vast",), None, lambda: [QUERY], Reach.ANYBODY)
    assert "vast is asked without a key" in capsys.readouterr().err


def test_both_are_asked_when_that_is_wanted_and_the_answer_is_not_asked_for_twice(session, rig):
    market = gather(session, (), None, lambda: [QUERY], Reach.ANYBODY)
    assert {offer.provider for offer in market.offers} == {"vast", "runpod"}
    asked = len(rig.received())
    assert asked
    gather(session, (), None, lambda: [QUERY], Reach.ANYBODY)
    assert len(rig.received()) == asked


@pytest.mark.parametrize("fault", ["html", "search_quota", "429"])
def test_what_cannot_be_had_without_a_key_is_replaced_by_reference_figures_and_said(session, rig, fault):
    rig.fault("vast", on="search", do=fault, times=9)
    market = gather(session, ("vast",), None, lambda: [QUERY], Reach.ANYBODY)
    assert market.source is OfferSource.REFERENCE
    assert any("shows nothing without a key" in note for note in market.notes)


def test_offline_asks_nobody_though_there_is_a_key(session, rig):
    session.settings = replace(session.settings, vast_key=Setting(rig.vast_key, "a test"))
    market = gather(session, (), None, lambda: [QUERY], reach_of(live=False, offline=True))
    assert market.source is OfferSource.REFERENCE
    assert list(rig.received()) == []


def test_live_and_offline_cannot_both_be_meant():
    with pytest.raises(UsageError, match="two things"):
        reach_of(live=True, offline=True)


def test_a_retired_api_ends_in_reference_figures(session, rig, monkeypatch):
    def gone(*_arguments, **_options):
        raise BadAnswerError("410: this API was retired")

    monkeypatch.setattr(keyless.Http, "read", gone)
    assert http.Http is keyless.Http
    market = gather(session, ("runpod",), None, lambda: [QUERY], Reach.ANYBODY)
    assert market.source is OfferSource.REFERENCE
    assert any("was retired" in note for note in market.notes)
