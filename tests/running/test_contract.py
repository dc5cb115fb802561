"""What every provider promises, asked of each adapter on the emulator over real HTTP, and on recorded shapes."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests
import responses

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import (
    BadAnswerError,
    CloudgpuError,
    NoCreditError,
    OfferGoneError,
    ProviderError,
    RefusedKeyError,
    UnreachableError,
)
from cloudgpu.base.secret import Secret
from cloudgpu.base.settings import read_settings
from cloudgpu.emulator import process
from cloudgpu.running.providers import EmulatorAddress, open_provider
from cloudgpu.running.providers.base import InstanceState, OfferQuery
from cloudgpu.running.providers.runpod import open_runpod
from cloudgpu.running.providers.vast import open_vast
from cloudgpu.serving.launch import HealthCheck, LaunchRequest

SPEED = 500.0
MODEL = "mistralai/Mistral-7B-Instruct-v0.2"
QUERY = OfferQuery(disk_gb=60, gpu_names=("RTX A5000", "RTX 3090", "RTX 4090"), gpu_counts=(1,), min_reliability=0.9)
LAUNCH = LaunchRequest(
    image="vllm/vllm-openai:v0.25.1", args=("--model", MODEL, "--max-model-len", "8192"),
    env={"VLLM_API_KEY": Secret("sk-endpoint")}, ports=(8000,), disk_gb=60, download_gb=25.0,
    health=HealthCheck(port=8000, path="/health", model_id=MODEL), min_cuda="13.0",
)  # fmt: skip
MARKETS = {"emulator": "vast", "emulator-runpod": "runpod"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emulator")
    yield process.start(folder, speed=SPEED)
    process.stop(folder)


class Market:
    """One provider as the emulator plays it, with the means to spoil it."""

    def __init__(self, name, running):
        self.name, self.running, self.clock = name, running, running.clock()
        self.provider = self.open(running.api_key)

    def open(self, key):
        address = EmulatorAddress(url=self.running.url, api_key=key, clock=self.clock)
        opened = open_provider(self.name, read_settings({"HOME": "/nowhere"}), emulator=address)
        opened.http.timeouts = replace(opened.http.timeouts, read_s=2.0, act_s=2.0)
        return opened

    def fault(self, on, do, **more):
        script = {"on": on, "do": do, "provider": MARKETS[self.name], **more}
        process.call(self.running, "POST", "/emulator/faults", script)

    def offers(self):
        """The sound ones, cheapest first: a driver that runs the image, a host that can download."""
        found = [o for o in self.provider.search(QUERY).offers if _version(o.cuda_max) >= (13, 0)]
        fast = [o for o in found if (o.download_mbps or 1000) > 300 and (o.open_ports or 9) > 0]
        return sorted(fast, key=lambda offer: offer.gpu_usd_per_hour)

    def rent(self, label="token-1"):
        return self.provider.create(self.offers()[0], LAUNCH, label)

    def wait_for(self, instance_id, what):
        for _ in range(400):
            view = self.provider.instance(instance_id)
            if view is not None and what(view):
                return view
            self.clock.sleep(20)
        raise AssertionError(f"it never came to that: {view}")

    def bill(self, instance_id):
        rows = process.call(self.running, "GET", "/emulator/bill")["instances"]
        return next(Decimal(row["usd"]) for row in rows if str(row["instance_id"]) == instance_id)

    def clear(self):
        process.call(self.running, "DELETE", "/emulator/faults")
        for view in self.provider.instances():
            self.provider.destroy(view.instance_id)


def _version(text):
    return tuple(map(int, (text or "0.0").split(".")[:2]))


@pytest.fixture(params=MARKETS)
def market(request, running):
    market = Market(request.param, running)
    yield market
    market.clear()


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
    wrong = {"emulator": "1", "emulator-runpod": "NVIDIA RTX 9999/secure/1"}[market.name]
    with pytest.raises(OfferGoneError):
        market.provider.offer(replace(offer, offer_id=wrong), 60)


def test_what_is_rented_is_listed_under_its_label_at_the_offers_price(market):
    offer = market.offers()[0]
    instance_id = market.provider.create(offer, LAUNCH, "token-1")
    listed = market.provider.instances()
    assert [(view.instance_id, view.label) for view in listed] == [(instance_id, "token-1")]
    view = market.provider.instance(instance_id)
    assert view.instance_id == instance_id
    assert view.gpu_usd_per_hour == pytest.approx(offer.gpu_usd_per_hour, abs=Decimal("1e-9"))
    assert view.disk_usd_per_hour == pytest.approx(offer.storage_usd_per_gb_month * 60 / 720, abs=Decimal("1e-9"))
    assert view.disk_billing


def test_it_comes_up_at_its_address_prints_a_log_and_its_bill_is_the_markets(market):
    instance_id = market.rent()
    view = market.wait_for(instance_id, lambda view: view.state is InstanceState.RUNNING and 8000 in view.addresses)
    assert view.gpu_billing
    url = view.addresses[8000].url

    def serves(_):
        try:
            return requests.get(f"{url}/health", timeout=2).status_code == 200
        except requests.ConnectionError:
            return False

    market.wait_for(instance_id, serves)
    assert "Application startup complete" in market.provider.logs(instance_id, 200)
    assert market.provider.destroy(instance_id) is True
    lines = market.provider.bill(instance_id, view.started_at)
    assert sum(line.usd for line in lines) == market.bill(instance_id)
    assert {"gpu", "disk"} <= {line.meter for line in lines}
    assert all(line.start <= line.end for line in lines)


def test_a_destroyed_instance_is_neither_shown_nor_listed_nor_destroyed_again(market):
    instance_id = market.rent()
    assert market.provider.destroy(instance_id) is True
    assert market.provider.instance(instance_id) is None
    assert list(market.provider.instances()) == []
    assert market.provider.destroy(instance_id) is False


@pytest.mark.parametrize(
    "do", ["timeout_after_effect", "500_after_effect", "504_after_effect", "close_after_effect", "truncated"]
)
def test_a_create_whose_answer_is_lost_is_not_sent_again_and_is_found_by_its_label(market, do):
    offer = market.offers()[0]
    market.fault("create", do, seconds=3)
    with pytest.raises((UnreachableError, BadAnswerError)):
        market.provider.create(offer, LAUNCH, "token-lost")
    assert [view.label for view in market.provider.instances()] == ["token-lost"]


@pytest.mark.parametrize("do", ["html", "truncated", "close"])
def test_a_listing_that_cannot_be_read_is_an_error_and_never_an_empty_account(market, do):
    market.fault("list", do, times=None)
    with pytest.raises(ProviderError):
        market.provider.instances()


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
    nothing_free = {"emulator": "no_such_ask_410", "emulator-runpod": "no_capacity"}[market.name]
    market.fault("create", nothing_free)
    with pytest.raises(OfferGoneError):
        market.provider.create(offer, LAUNCH, "token-1")
    market.fault("create", "insufficient_credit")
    with pytest.raises(NoCreditError):
        market.provider.create(offer, LAUNCH, "token-1")
    assert list(market.provider.instances()) == []


def test_a_wrong_key_is_refused_by_every_call(market):
    stranger, offer = market.open(Secret("not-the-key-of-anybody")), market.offers()[0]
    for call in (
        stranger.instances, stranger.account, stranger.balance_usd, lambda: stranger.instance("1"),
        lambda: stranger.destroy("1"), lambda: stranger.create(offer, LAUNCH, "token-1"),
    ):  # fmt: skip
        with pytest.raises(RefusedKeyError):
            call()


def test_the_account_has_one_name_and_its_balance_falls(market):
    before = market.provider.balance_usd()
    assert market.provider.account() == market.provider.account() != ""
    market.rent()
    market.clock.sleep(300)
    assert market.provider.balance_usd() < before


def test_a_dead_engine_and_a_lost_host_are_seen(market):
    instance_id = market.rent("token-dies")
    market.wait_for(instance_id, lambda view: view.state is InstanceState.RUNNING)
    market.fault("instance", "host_offline", label="token-dies", after_s=0)
    view = market.wait_for(instance_id, lambda view: view.state is not InstanceState.RUNNING or not view.addresses)
    assert view.state is InstanceState.OFFLINE


# The same promises on recorded shapes, for what no emulator should have to make up.

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://provider.example"


def vast_row(number, **more):
    return {
        "id": number, "label": f"token-{number}", "machine_id": 9, "actual_status": "running",
        "intended_status": "running", "status_msg": "", "public_ipaddr": "203.0.113.7", "dph_base": 0.3,
        "ports": {"8000/tcp": [{"HostPort": "41234"}]}, "dph_total": 0.31, "storage_total_cost": 0.01,
        "start_date": 1772366400.25, **more,
    }  # fmt: skip


def pod_row(number, **more):
    return {
        "id": str(number), "name": f"token-{number}", "status": "RUNNING", "disk": 72, "cost": 0.31,
        "ports": ["8000/tcp"], "runtime": {"ports": [{"private": 8000, "public": 41234, "ip": "203.0.113.7"}]},
        "mounts": {}, "createdAt": "2026-03-01T12:00:00Z", **more,
    }  # fmt: skip


class Vast:
    """Vast.ai's answers."""

    open, list, one = staticmethod(open_vast), f"{URL}/api/v1/instances/", f"{URL}/api/v0/instances/77/"
    row, stopped = staticmethod(vast_row), {"actual_status": "exited", "intended_status": "stopped"}
    unknown, absent = {"actual_status": "dreaming"}, {"json": {"instances": None}}

    @staticmethod
    def page(rows, more):
        body = {"success": True, "instances": rows, "total_instances": 3, "next_token": "t" if more else None}
        return {"body": json.dumps(body)}

    @staticmethod
    def shown(row):
        return {"body": json.dumps({"instances": row})}


class Runpod:
    """RunPod's answers."""

    open, list, one = staticmethod(open_runpod), f"{URL}/v2/pods", f"{URL}/v2/pods/77"
    row, stopped = staticmethod(pod_row), {"status": "EXITED", "cost": 0.0}
    unknown, absent = {"status": "DREAMING"}, {"status": 404, "json": {"title": "Not Found", "detail": "not found"}}

    @staticmethod
    def page(rows, more):
        marks = {"hasNextPage": more, "nextCursor": "t" if more else None}
        return {"body": json.dumps({"pods": rows, "pagination": marks})}

    @staticmethod
    def shown(row):
        return {"body": json.dumps(row)}


@pytest.fixture(params=[Vast, Runpod])
def recorded(request):
    return request.param


@pytest.fixture
def adapter(recorded):
    return recorded.open(URL, Secret("k3y"), ManualClock(START))


@pytest.fixture
def server():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        yield server


def test_recorded_pages_follow_one_another(adapter, recorded, server):
    server.get(recorded.list, **recorded.page([recorded.row(1), recorded.row(2)], True))
    server.get(recorded.list, **recorded.page([recorded.row(3)], False))
    assert [view.label for view in adapter.instances()] == ["token-1", "token-2", "token-3"]


def test_recorded_doubles_and_half_pages_are_errors(adapter, recorded, server):
    server.get(recorded.list, **recorded.page([recorded.row(1), recorded.row(1), recorded.row(2)], False))
    with pytest.raises(BadAnswerError):
        adapter.instances()
    whole = recorded.page([recorded.row(1), recorded.row(2), recorded.row(3)], False)["body"]
    server.replace(responses.GET, recorded.list, body=whole[: len(whole) // 2])
    with pytest.raises(BadAnswerError):
        adapter.instances()


def test_a_recorded_instance_is_read_with_exact_prices_and_its_address(adapter, recorded, server):
    server.get(recorded.one, **recorded.shown(recorded.row(77)))
    view = adapter.instance("77")
    assert (view.instance_id, view.label, view.state) == ("77", "token-77", InstanceState.RUNNING)
    assert (view.gpu_usd_per_hour, view.disk_usd_per_hour) == (Decimal("0.3"), Decimal("0.01"))
    assert view.addresses[8000].url == "http://203.0.113.7:41234"


def test_recorded_states_that_do_not_serve_are_never_running(adapter, recorded, server):
    server.get(recorded.one, **recorded.shown(recorded.row(77, **recorded.stopped)))
    server.get(recorded.one, **recorded.shown(recorded.row(77, **recorded.unknown)))
    stopped, unknown = adapter.instance("77"), adapter.instance("77")
    assert (stopped.state, stopped.gpu_billing, stopped.addresses) == (InstanceState.STOPPED, False, {})
    assert (unknown.state, unknown.disk_billing, unknown.addresses) == (InstanceState.OFFLINE, True, {})


def test_only_the_clear_no_of_a_recorded_answer_is_none(adapter, recorded, server):
    server.get(recorded.one, **recorded.absent)
    server.get(recorded.one, status=404, body="<html>not found</html>")
    assert adapter.instance("77") is None
    with pytest.raises(BadAnswerError):
        adapter.instance("77")
