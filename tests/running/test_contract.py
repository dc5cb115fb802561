"""What every provider promises, asked of each adapter: on recorded shapes and on the emulator, over real HTTP.

The first part asks the same of five: either provider, recorded and emulated, and Docker with a daemon on paper. Then
what only a market that lives can show, and last what no emulator should have to make up.
"""

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import requests
import responses

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import (
    BadAnswerError,
    CloudgpuError,
    InvalidRequestError,
    NoCreditError,
    OfferGoneError,
    ProviderError,
    RefusedKeyError,
    UnreachableError,
)
from cloudgpu.base.secret import Secret
from cloudgpu.planning.spot import bids_of
from cloudgpu.running.credit import credit_of
from cloudgpu.running.providers.base import InstanceState, OfferQuery
from cloudgpu.running.providers.http import Timeouts
from cloudgpu.serving.launch import HealthCheck, LaunchRequest
from tests.running.docker_daemon import Fate
from tests.running.docker_world import docker_world
from tests.running.emulated import PROVIDERS, open_provider
from tests.running.recorded import RECORDED, URL

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL = "mistralai/Mistral-7B-Instruct-v0.2"
QUERY = OfferQuery(disk_gb=60, gpu_names=("RTX A5000", "RTX 3090", "RTX 4090"), gpu_counts=(1,), min_reliability=0.9)
LAUNCH = LaunchRequest(
    image="vllm/vllm-openai:v0.25.1", args=("--model", MODEL, "--max-model-len", "8192"),
    env={"VLLM_API_KEY": Secret("sk-endpoint")}, ports=(8000,), disk_gb=60, download_gb=25.0,
    health=HealthCheck(port=8000, path="/health", model_id=MODEL), min_cuda="13.0",
)  # fmt: skip
UP = (InstanceState.RUNNING,)


class Market:
    """One provider as the emulator plays it, with the means to spoil it."""

    def __init__(self, name, rig):
        self.name, self.rig, self.clock = name, rig, rig.clock
        self.provider = open_provider(name, rig)

    def stranger(self):
        stranger = open_provider(self.name, self.rig)
        stranger.http.key = Secret("not-the-key-of-anybody")
        return stranger

    def fault(self, on, do, **more):
        self.rig.fault(self.name, on=on, do=do, **more)

    def offers(self):
        """The sound ones, cheapest first: a driver that runs the image, a host that can download."""
        found = [o for o in self.provider.search(QUERY).offers if _version(o.cuda_max) >= (13, 0)]
        fast = [o for o in found if (o.download_mbps or 1000) > 300 and (o.open_ports or 9) > 0]
        return sorted(fast, key=lambda offer: offer.gpu_usd_per_hour)

    def rent(self, label="token-1", offer=None):
        return self.provider.create(offer or self.offers()[0], LAUNCH, label)

    def wait_for(self, instance_id, what):
        view = None
        for _ in range(400):
            view = self.provider.instance(instance_id)
            if view is not None and what(view):
                return view
            self.clock.sleep(20)
        raise AssertionError(f"it never came to that: {view}")

    def billed_usd(self, instance_id):
        return next(each.usd for each in self.rig.ever_rented() if each.instance_id == instance_id)


def _version(text):
    return tuple(map(int, (text or "0.0").split(".")[:2]))


@pytest.fixture(params=PROVIDERS)
def market(request, rig):
    rig.reset()
    return Market(request.param, rig)


class Account:
    """A provider with two instances, `token-77` (running, on one card) and `token-78`, and the ids they go by."""

    def __init__(self, provider, ids, nobody):
        self.provider, self.ids, self.nobody = provider, ids, nobody
        self.since = START - timedelta(days=1)


@pytest.fixture(params=[*(f"{name}, {how}" for name in PROVIDERS for how in ("recorded", "emulated")), "docker, paper"])
def account(request, rig):
    name, how = request.param.split(", ")
    with contextlib.ExitStack() as held:
        if how == "paper":
            yield _of_ones_own(held.enter_context(docker_world()))
        elif how == "recorded":
            yield _on_record(
                RECORDED[name], held.enter_context(responses.RequestsMock(assert_all_requests_are_fired=False))
            )
        else:
            rig.reset()
            yield _emulated(Market(name, rig))


def _on_record(shapes, server):
    first, second = shapes.row(77), shapes.row(78, **shapes.stopped)
    server.get(shapes.list, **shapes.page([first, second], False, total=2))
    server.get(shapes.one(77), **shapes.shown(first))
    server.get(shapes.one(78), **shapes.shown(second))
    server.get(shapes.one(99), **shapes.absent)
    server.get(shapes.bill, json=shapes.charges)
    shapes.add_account(server)
    return Account(shapes.open(URL, Secret("k3y"), ManualClock(START)), {"token-77": "77", "token-78": "78"}, "99")


def _of_ones_own(world):
    first = world.run("token-77")
    world.daemon.fates.append(Fate(exits_with=1))
    return Account(world.provider, {"token-77": first, "token-78": world.run("token-78")}, "99")


def _emulated(market):
    first, second = market.rent("token-77"), market.rent("token-78")
    market.wait_for(first, lambda view: view.state in UP and 8000 in view.addresses)
    return Account(market.provider, {"token-77": first, "token-78": second}, "99")


def test_a_listing_shows_every_instance_once_and_under_its_label(account):
    listed = account.provider.instances()
    assert {view.label: view.instance_id for view in listed} == account.ids
    assert len(listed) == 2


def test_an_instance_read_by_itself_is_the_one_of_the_listing(account):
    for view in account.provider.instances():
        alone = account.provider.instance(view.instance_id)
        a_moment_later = {"detail": "", "disk_used_gb": None}
        assert replace(alone, **a_moment_later) == replace(view, **a_moment_later)


def test_prices_are_exact_and_what_does_not_run_has_no_address(account):
    for view in account.provider.instances():
        assert isinstance(view.gpu_usd_per_hour, Decimal)
        assert isinstance(view.disk_usd_per_hour, Decimal)
        assert min(view.gpu_usd_per_hour, view.disk_usd_per_hour) >= 0
        assert view.started_at.tzinfo is not None
        assert view.state in UP or not view.addresses
        assert view.bid_usd_per_hour is None


def test_what_runs_bills_its_gpu_and_is_reached_at_its_port(account):
    view = account.provider.instance(account.ids["token-77"])
    assert (view.state, view.gpu_billing) == (InstanceState.RUNNING, True)
    assert view.disk_billing is account.provider.capabilities.bills
    assert view.addresses[8000].url.startswith(("http://", "https://"))


def test_an_instance_that_is_not_there_is_none(account):
    assert account.provider.instance(account.nobody) is None


def test_the_bill_is_of_one_instance_in_meters_and_moments(account):
    lines = account.provider.bill(account.ids["token-77"], account.since)
    if not account.provider.capabilities.bills:
        assert lines == ()
        return
    assert {"gpu", "disk"} <= {line.meter for line in lines}
    assert all(line.start <= line.end and line.usd >= 0 and isinstance(line.usd, Decimal) for line in lines)
    assert account.provider.bill(account.nobody, account.since) == []


def test_the_account_has_a_name_a_balance_and_hours_left(account):
    assert account.provider.account() == account.provider.account() != ""
    if not account.provider.capabilities.bills:
        with pytest.raises(InvalidRequestError):
            account.provider.balance_usd()
        return
    credit = credit_of(account.provider)
    assert credit.balance_usd > 0
    assert credit.hours_left == pytest.approx(credit.balance_usd / credit.spend_usd_per_hour)


def test_what_was_sent_is_counted_and_the_distances_we_keep_are_told(account):
    account.provider.instances()
    known = account.provider.headroom()
    assert known.calls["list"] >= 1
    assert {"create", "destroy", "list"} <= set(known.least_s)


def test_what_is_done_before_a_create_makes_nothing(account):
    account.provider.prepare(LAUNCH, lambda words: None)
    assert len(account.provider.instances()) == 2


def test_a_bid_is_taken_where_the_capabilities_say_so_and_nowhere_else(account):
    if not account.provider.capabilities.interruptible:
        with pytest.raises(InvalidRequestError):
            account.provider.change_bid(account.ids["token-77"], Decimal("0.5"))


# What only a market that lives can show.


def test_offers_carry_the_provider_a_known_card_and_a_price(market):
    offers = market.offers()
    assert offers
    for offer in offers:
        assert offer.provider == market.name
        assert offer.gpu in QUERY.gpu_names
        assert offer.gpu_usd_per_hour > 0
        assert offer.storage_usd_per_gb_month > 0


def test_an_offer_read_again_is_the_same_and_one_that_never_was_is_gone(market):
    offer = market.offers()[0]
    again = market.provider.offer(offer, 60)
    assert (again.offer_id, again.gpu_usd_per_hour) == (offer.offer_id, offer.gpu_usd_per_hour)
    wrong = {"vast": "1", "runpod": "NVIDIA RTX 9999/secure/1"}[market.name]
    with pytest.raises(OfferGoneError):
        market.provider.offer(replace(offer, offer_id=wrong), 60)


def test_what_is_rented_has_the_offers_price(market):
    offer = market.offers()[0]
    view = market.provider.instance(market.rent(offer=offer))
    assert view.gpu_usd_per_hour == pytest.approx(offer.gpu_usd_per_hour, abs=Decimal("1e-9"))
    assert view.disk_usd_per_hour == pytest.approx(offer.storage_usd_per_gb_month * 60 / 720, abs=Decimal("1e-9"))
    assert view.disk_billing


def test_it_comes_up_at_its_address_prints_a_log_and_its_bill_is_the_markets(market):
    instance_id = market.rent()
    view = market.wait_for(instance_id, lambda view: view.state in UP and 8000 in view.addresses)
    url = view.addresses[8000].url

    def serves(_):
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{url}/health", timeout=30).status_code == 200

    market.wait_for(instance_id, serves)
    assert "Application startup complete" in market.provider.logs(instance_id, 200)
    assert market.provider.destroy(instance_id) is True
    lines = market.provider.bill(instance_id, view.started_at)
    assert sum(line.usd for line in lines) == market.billed_usd(instance_id) > 0


def test_a_destroyed_instance_is_neither_shown_nor_listed_nor_destroyed_again(market):
    instance_id = market.rent()
    assert market.provider.destroy(instance_id) is True
    assert market.provider.instance(instance_id) is None
    assert list(market.provider.instances()) == []
    assert market.provider.destroy(instance_id) is False


@pytest.mark.parametrize(
    "do",
    ["timeout_after_effect", "drop_after_effect", "500_after_effect", "504_after_effect", "close_after_effect",
     "truncated"],
)  # fmt: skip
def test_a_create_whose_answer_is_lost_is_not_sent_again_and_is_found_by_its_label(market, do):
    offer = market.offers()[0]
    market.fault("create", do)
    with pytest.raises((UnreachableError, BadAnswerError)):
        market.rent("token-lost", offer)
    assert [view.label for view in market.provider.instances()] == ["token-lost"]
    assert len(market.rig.ever_rented()) == 1


@pytest.mark.parametrize("do", ["html", "truncated", "close", "drop", "huge"])
def test_a_listing_that_cannot_be_read_is_an_error_and_never_an_empty_account(market, do):
    market.fault("list", do, times=None)
    with pytest.raises(ProviderError) as told:
        market.provider.instances()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("do", ["500", "502", "503", "429", "429_retry_after"])
def test_a_read_outlasts_a_short_trouble(market, do):
    market.fault("list", do, times=2)
    assert list(market.provider.instances()) == []


def test_a_read_gives_up_on_a_long_trouble(market):
    market.fault("list", "502", times=None)
    with pytest.raises(UnreachableError):
        market.provider.instances()


@pytest.mark.parametrize("do", ["502", "504", "500", "close"])
def test_a_destroy_that_meets_trouble_says_so(market, do):
    instance_id = market.rent()
    market.fault("destroy", do)
    with pytest.raises(CloudgpuError):
        market.provider.destroy(instance_id)
    assert market.provider.instance(instance_id) is not None


def test_no_capacity_and_no_money_are_told_apart_and_rent_nothing(market):
    offer = market.offers()[0]
    market.fault("create", {"vast": "no_such_ask_410", "runpod": "no_capacity"}[market.name])
    with pytest.raises(OfferGoneError):
        market.rent(offer=offer)
    market.fault("create", "insufficient_credit")
    with pytest.raises(NoCreditError):
        market.rent(offer=offer)
    assert market.rig.ever_rented() == []


def test_a_wrong_key_is_refused_by_every_call(market):
    stranger, offer = market.stranger(), market.offers()[0]
    for call in (
        stranger.instances, stranger.account, stranger.balance_usd, lambda: stranger.instance("1"),
        lambda: stranger.destroy("1"), lambda: stranger.create(offer, LAUNCH, "token-1"),
        lambda: stranger.bill("1", START),
    ):  # fmt: skip
        with pytest.raises(RefusedKeyError):
            call()


def test_the_balance_falls_while_something_bills(market):
    before = market.provider.balance_usd()
    market.rent()
    market.clock.sleep(3600)
    assert market.provider.balance_usd() < before


def test_a_lost_host_is_seen(market):
    instance_id = market.rent("token-dies")
    market.wait_for(instance_id, lambda view: view.state in UP)
    market.fault("instance", "host_offline", label="token-dies", after_s=0)
    view = market.wait_for(instance_id, lambda view: view.state not in UP or not view.addresses)
    assert (view.state, view.gpu_billing, view.disk_billing) == (InstanceState.OFFLINE, False, False)


def test_a_bid_runs_is_outbid_and_wins_again_where_there_are_bids(market):
    bids = sorted(bids_of(market.offers()), key=lambda offer: offer.gpu_usd_per_hour)
    assert bool(bids) == market.provider.capabilities.interruptible
    if not bids:
        with pytest.raises(InvalidRequestError):
            market.rent(offer=replace(market.offers()[0], interruptible=True))
        return
    bid = market.provider.offer(bids[0], 60)
    instance_id = market.rent("token-bid", bid)
    view = market.wait_for(instance_id, lambda view: view.state in UP)
    assert view.bid_usd_per_hour == bid.gpu_usd_per_hour < bid.on_demand_usd_per_hour
    market.fault("instance", "outbid", label="token-bid", after_s=0)
    market.clock.sleep(1)
    lost = market.provider.instance(instance_id)
    assert (lost.state, lost.gpu_billing, lost.disk_billing) == (InstanceState.OUTBID, False, True)
    market.provider.change_bid(instance_id, bid.gpu_usd_per_hour * 2)
    assert market.wait_for(instance_id, lambda view: view.state in UP).bid_usd_per_hour == bid.gpu_usd_per_hour * 2


def test_the_least_bid_wins_wherever_it_stands(market):
    for bid in list(bids_of(market.provider.search(replace(QUERY, gpu_names=None)).offers))[:40]:
        try:
            again = market.provider.offer(bid, 60)
        except OfferGoneError:
            continue  # another bid of ours has the machine by now, or the price on demand is as low
        assert market.provider.instance(market.rent("t", again)).bid_usd_per_hour > bid.min_bid_usd_per_hour


def test_a_bid_below_the_least_rents_nothing(market):
    if not market.provider.capabilities.interruptible:
        return
    low = replace(next(bids_of(market.offers())), gpu_usd_per_hour=Decimal("0.001"))
    with pytest.raises(OfferGoneError):
        market.rent(offer=low)
    assert market.rig.ever_rented() == []


def test_a_proposed_price_is_shown_and_never_accepted_by_itself(market):
    instance_id = market.rent("token-1")
    before = market.provider.instance(instance_id)
    assert tuple(market.provider.price_proposals()) == ()
    if market.name == "runpod":
        return
    market.fault("instance", "price_proposal", label="token-1", factor="1.5", after_s=0)
    market.clock.sleep(1)
    (proposal,) = market.provider.price_proposals()
    assert proposal.instance_id == instance_id
    assert proposal.now_usd_per_hour == pytest.approx(before.gpu_usd_per_hour)
    assert proposal.asked_usd_per_hour == pytest.approx(before.gpu_usd_per_hour * Decimal("1.5"))
    assert market.provider.instance(instance_id).gpu_usd_per_hour == before.gpu_usd_per_hour


def test_the_documented_limits_are_kept_without_a_single_429(market):
    market.fault("any", "rate_limits")
    instance_id = market.rent()
    for _ in range(20):
        market.provider.instances()
        market.provider.instance(instance_id)
    for _ in range(3):
        market.provider.balance_usd()
        market.provider.bill(instance_id, START)
        market.provider.offer(market.offers()[1], 60)
    assert market.provider.destroy(instance_id)
    calls = market.provider.headroom().calls
    one = {"vast": "show", "runpod": "pod"}[market.name]
    assert (calls["list"], calls[one], calls["create"], calls["destroy"]) == (
        20,
        20,
        1,
        1,
    )  # a refused read is repeated


# What no emulator should have to make up.


@pytest.fixture(params=RECORDED.values(), ids=RECORDED)
def recorded(request):
    return request.param


@pytest.fixture
def adapter(recorded):
    return recorded.open(URL, Secret("k3y"), ManualClock(START), timeouts=Timeouts())


def test_recorded_pages_follow_one_another(adapter, recorded, server):
    server.get(recorded.list, **recorded.page([recorded.row(1), recorded.row(2)], True))
    server.get(recorded.list, **recorded.page([recorded.row(3)], False))
    assert [view.label for view in adapter.instances()] == ["token-1", "token-2", "token-3"]


def test_recorded_doubles_circles_and_half_pages_are_errors(adapter, recorded, server):
    server.get(recorded.list, **recorded.page([recorded.row(1), recorded.row(1), recorded.row(2)], False))
    with pytest.raises(BadAnswerError):
        adapter.instances()
    server.replace(responses.GET, recorded.list, **recorded.page([recorded.row(1)], True))
    with pytest.raises(BadAnswerError, match="circle"):
        adapter.instances()
    whole = recorded.page([recorded.row(1), recorded.row(2), recorded.row(3)], False)["body"]
    server.replace(responses.GET, recorded.list, body=whole[: len(whole) // 2])
    with pytest.raises(BadAnswerError):
        adapter.instances()


def test_a_recorded_instance_is_read_with_exact_prices_and_its_address(adapter, recorded, server):
    server.get(recorded.one(77), **recorded.shown(recorded.row(77)))
    view = adapter.instance("77")
    assert (view.instance_id, view.label, view.state) == ("77", "token-77", InstanceState.RUNNING)
    assert (view.gpu_usd_per_hour, view.disk_usd_per_hour) == (Decimal("0.3"), Decimal("0.01"))
    assert view.addresses[8000].url == "http://203.0.113.7:41234"


def test_recorded_states_that_do_not_serve_are_never_running(adapter, recorded, server):
    server.get(recorded.one(77), **recorded.shown(recorded.row(77, **recorded.stopped)))
    server.get(recorded.one(77), **recorded.shown(recorded.row(77, **recorded.unknown)))
    stopped, unknown = adapter.instance("77"), adapter.instance("77")
    assert (stopped.state, stopped.gpu_billing, stopped.addresses) == (InstanceState.STOPPED, False, {})
    assert (unknown.state, unknown.disk_billing, unknown.addresses) == (InstanceState.OFFLINE, True, {})


def test_only_the_clear_no_of_a_recorded_answer_is_none(adapter, recorded, server):
    server.get(recorded.one(77), **recorded.absent)
    server.get(recorded.one(77), status=404, body="<html>not found</html>")
    assert adapter.instance("77") is None
    with pytest.raises(BadAnswerError):
        adapter.instance("77")
