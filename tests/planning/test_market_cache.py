"""Searches that are kept, recorded markets, and providers that are asked side by side."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
import typer
from typer.testing import CliRunner

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import BadAnswerError, BadFileError, RateLimitedError, UnreachableError
from cloudgpu.cli import plan as plan_command
from cloudgpu.cli.session import Session
from cloudgpu.planning.blocklist import block
from cloudgpu.planning.market import merge, read_offers_file
from cloudgpu.planning.offers.offer import OfferSource
from cloudgpu.planning.plan_file import latest_plan_path, load_plan
from cloudgpu.planning.snapshot import save_snapshot

QUOTA = RateLimitedError("the provider's daily search quota is used up until 00:00")


class Scripted:
    """A provider that answers each search with the next of these; the last one for ever."""

    def __init__(self, *answers):
        self.answers, self.searches = list(answers), 0

    def search(self, query):
        self.searches += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def desk(tmp_path, monkeypatch, now):
    """Runs `plan` with keys, a clock in hand and these providers."""
    clock, providers = ManualClock(now), {}
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "RUNPOD_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAST_API_KEY", "k")
    monkeypatch.setattr(Session, "provider", lambda self, name: providers[name])
    monkeypatch.setattr(Session, "clock", lambda self, name: clock)
    app = typer.Typer()
    plan_command.register(app)

    def run(*arguments, **given):
        providers.update(given)
        done = CliRunner().invoke(app, ["qwen-14b", "--json", *arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return json.loads(done.stdout)["offers"]

    run.clock, run.home, run.monkeypatch = clock, tmp_path, monkeypatch
    return run


def test_a_search_of_the_last_minute_is_not_sent_again(desk, market, offer):
    provider = Scripted(market(offer(), fetched_at=desk.clock.now()))
    desk(vast=provider)
    sent = provider.searches
    desk.clock.sleep(30)
    again = desk(vast=provider)
    assert provider.searches == sent
    assert (again["source"], again["age_s"]) == ("live", 30)
    desk.clock.sleep(60)
    desk(vast=provider)
    assert provider.searches == 2 * sent


@pytest.mark.parametrize("trouble", [QUOTA, UnreachableError("no route"), BadAnswerError("<html>")])
def test_an_older_search_stands_in_for_a_provider_that_gives_none_and_is_no_live_market(desk, market, offer, trouble):
    desk(vast=Scripted(market(offer(), fetched_at=desk.clock.now())))
    desk.clock.sleep(3600)
    offers = desk(vast=Scripted(trouble))
    assert (offers["source"], offers["age_s"], offers["complete"]) == ("cached", 3600, False)
    assert any(trouble.message in note and "not to be rented on" in note for note in offers["notes"])
    kept = load_plan(latest_plan_path(desk.home / ".local" / "state" / "cloudgpu"))
    assert kept.offers.source is OfferSource.CACHED


def test_a_search_of_the_day_before_yesterday_stands_in_for_nothing(desk, market, offer):
    desk(vast=Scripted(market(offer(), fetched_at=desk.clock.now())))
    desk.clock.sleep(2 * 86400)
    with pytest.raises(RateLimitedError):
        desk(vast=Scripted(QUOTA))


def test_a_kept_search_that_was_damaged_is_asked_anew(desk, market, offer):
    provider = Scripted(market(offer(), fetched_at=desk.clock.now()))
    desk(vast=provider)
    for path in (desk.home / ".cache" / "cloudgpu" / "markets").iterdir():
        path.write_text("half a {")
    sent = provider.searches
    desk(vast=provider)
    assert provider.searches == 2 * sent


def test_two_providers_are_asked_and_one_that_fails_spoils_nothing(desk, market, offer):
    desk.monkeypatch.setenv("RUNPOD_API_KEY", "k")
    answer = market(offer(provider="runpod"), fetched_at=desk.clock.now())
    offers = desk(vast=Scripted(UnreachableError("vast is down")), runpod=Scripted(answer))
    assert (offers["count"], offers["complete"]) == (1, False)
    assert any("vast is down" in note for note in offers["notes"])


def test_what_crashes_in_one_providers_thread_is_not_taken_for_silence(desk, market, offer):
    desk.monkeypatch.setenv("RUNPOD_API_KEY", "k")
    with pytest.raises(ZeroDivisionError):
        desk(vast=Scripted(market(offer(), fetched_at=desk.clock.now())), runpod=Scripted(ZeroDivisionError()))


def test_a_machine_that_failed_before_is_refused_in_a_live_plan(desk, market, offer):
    block(desk.home / ".local" / "state" / "cloudgpu", "vast", "m1", "its engine died", desk.clock.now())
    other = offer(offer_id="2", machine_id="m2", gpu_usd_per_hour=Decimal(2))
    desk(vast=Scripted(market(offer(), other, fetched_at=desk.clock.now())))
    kept = load_plan(latest_plan_path(desk.home / ".local" / "state" / "cloudgpu"))
    assert [candidate.offer.offer_id for candidate in kept.candidates] == ["2"]
    assert kept.rejected_by_reason == {"blocked": 1}


def test_a_recorded_market_is_read_back_offer_for_offer(tmp_path, market, offer, now):
    odd = offer(offer_id="2", machine_id=None, reliability=None, location="東京, JP", disk_mb_per_s=900.5,
                interruptible=True, on_demand_usd_per_hour=Decimal("1.9"), open_ports=None, verified=None)  # fmt: skip
    recorded = market(offer(), odd, complete=False, notes=("a note",))
    save_snapshot(recorded, tmp_path / "m.jsonl")
    again = read_offers_file(tmp_path / "m.jsonl", now + timedelta(days=9))
    assert again.offers == recorded.offers
    assert (again.source, again.fetched_at, again.complete) == (OfferSource.FILE, recorded.fetched_at, False)
    assert again.notes == ("a note",)


def test_a_damaged_row_of_a_record_is_skipped_and_counted(tmp_path, market, offer, now):
    save_snapshot(market(offer(), offer(offer_id="2")), tmp_path / "m.jsonl")
    lines = (tmp_path / "m.jsonl").read_text().splitlines()
    (tmp_path / "m.jsonl").write_text("\n".join([*lines[:2], lines[2].replace('"1.2"', '"0"'), lines[2][:40]]))
    again = read_offers_file(tmp_path / "m.jsonl", now)
    assert len(again.offers) == 1
    assert sum(again.unreadable.values()) == 2


def test_a_record_that_cannot_be_written_is_said(tmp_path, market, offer):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadFileError):
        save_snapshot(market(offer()), tmp_path / "file" / "m.jsonl")


def test_a_market_with_one_old_search_in_it_is_not_live(market, offer):
    assert merge([market(offer()), market(offer(), source=OfferSource.CACHED)]).source is OfferSource.CACHED
