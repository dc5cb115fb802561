"""The RunPod adapter on answers of the shapes that RunPod sends (values invented)."""

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
    CreateRefusedError,
    InvalidRequestError,
    NoCreditError,
    NotAuthorisedError,
    OfferGoneError,
    RateLimitedError,
    RefusedKeyError,
    UnreachableError,
)
from cloudgpu.base.secret import Secret
from cloudgpu.planning.offers.runpod import country_of
from cloudgpu.running.account import first_name, same_account
from cloudgpu.running.health import ask
from cloudgpu.running.providers.base import Address, InstanceState, OfferQuery
from cloudgpu.running.providers.runpod import open_runpod
from cloudgpu.running.providers.runpod.create import pod_body

URL = "https://runpod.example"
KEY = "k3y-that-nobody-may-see"
PODS, POD = f"{URL}/v2/pods", f"{URL}/v2/pods/abc123"
CATALOGUE = f"{URL}/v2/catalog/gpus"
TYPE = f"{CATALOGUE}/NVIDIA%20L4"
GRAPHQL = f"{URL}/graphql"
NOW = datetime(2026, 3, 1, 12, 20, tzinfo=UTC)
NOTHING_FREE = "There are no longer any instances available with the requested specifications. Please refresh."


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def runpod(clock):
    return open_runpod(URL, Secret(KEY), clock)


def row(pod_id="abc123", **more):
    return {
        "id": pod_id, "name": "cloudgpu-x", "status": "RUNNING", "actions": ["stop", "terminate"], "image": "i",
        "disk": 72, "ports": ["8000/http"], "env": {}, "mounts": {}, "gpu": {"id": "NVIDIA L4", "count": 1},
        "cloud": "SECURE", "dataCenterId": "EU-RO-1", "cost": 0.5, "locked": False, "runtime": {"uptime": 3},
        "createdAt": "2026-03-01T12:00:00Z", "startedAt": "2026-03-01T12:00:00Z", **more,
    }  # fmt: skip


def page(rows, cursor=None):
    return {"pods": rows, "pagination": {"hasNextPage": cursor is not None, "nextCursor": cursor}}


def problem(status, detail, **more):
    return {"status": status, "json": {"title": "No", "status": status, "detail": detail, **more}}


def kind(**more):
    return {
        "id": "NVIDIA L4", "name": "L4", "memory": 24, "secure": True, "community": False, "availability": "LOW",
        "price": {"secure": 0.49, "community": 0.5}, "maxCount": {"secure": 4, "community": 0},
        "dataCenters": [
            {"id": "EU-RO-1", "availability": "LOW"}, {"id": "US-TX-3", "availability": "NONE"},
            {"id": "CA-MTL-1", "availability": "HIGH"},
        ],
        "cudaVersions": [
            {"version": "12.8", "available": True}, {"version": "13.0", "available": True},
            {"version": "13.1", "available": False},
        ], **more,
    }  # fmt: skip


@pytest.fixture
def l4(runpod, server):
    server.get(CATALOGUE, json={"gpus": [kind()]})
    return runpod.search(OfferQuery(disk_gb=40, gpu_counts=(1,))).offers[0]


def test_a_pod_is_read_with_its_prices_and_the_address_of_the_proxy(runpod, server):
    server.get(POD, json=row())
    view = runpod.instance("abc123")
    assert (view.instance_id, view.label, view.state) == ("abc123", "cloudgpu-x", InstanceState.RUNNING)
    assert (view.gpu_usd_per_hour, view.disk_usd_per_hour) == (Decimal("0.49"), Decimal("0.01"))
    assert (view.gpu_billing, view.disk_billing) == (True, True)
    assert view.addresses[8000].url == "https://abc123-8000.proxy.runpod.net"
    assert view.started_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_tcp_port_has_an_address_only_once_the_runtime_tells_it(runpod, server):
    ports = [{"private": 8000, "public": 40123, "type": "tcp", "ip": "203.0.113.7"}]
    server.get(POD, json=row(ports=["8000/tcp"], runtime={"ports": None}))
    server.get(POD, json=row(ports=["8000/tcp"], runtime={}))
    server.get(POD, json=row(ports=["8000/tcp"], runtime={"ports": ports}))
    assert runpod.instance("abc123").addresses == {}
    assert runpod.instance("abc123").addresses == {}
    assert runpod.instance("abc123").addresses == {8000: Address(host="203.0.113.7", port=40123)}


def test_the_address_of_a_host_behind_the_proxy_is_not_taken_for_the_endpoint(runpod, server):
    ports = [{"private": 8000, "public": 60012, "type": "http", "ip": "100.65.0.9"}]
    server.get(POD, json=row(runtime={"ports": ports}))
    assert runpod.instance("abc123").addresses[8000].scheme == "https"


@pytest.mark.parametrize(
    ("status", "state", "gpu", "disk"),
    [
        ("PROVISIONING", InstanceState.PROVISIONING, True, True),
        ("STARTING", InstanceState.STARTING, True, True),
        ("RUNNING", InstanceState.RUNNING, True, True),
        ("ERROR", InstanceState.FAILED, False, True),
        ("SOMETHING_NEW", InstanceState.OFFLINE, False, True),
    ],
)
def test_every_status_has_a_state_and_says_what_it_charges(runpod, server, status, state, gpu, disk):
    server.get(POD, json=row(status=status))
    view = runpod.instance("abc123")
    assert (view.state, view.gpu_billing, view.disk_billing) == (state, gpu, disk)


def test_a_running_pod_that_costs_nothing_is_offline_only_without_a_runtime(runpod, server):
    server.get(POD, json=row(cost=0.0, runtime=None))
    server.get(POD, json=row(cost=0.0))
    lost = runpod.instance("abc123")
    assert (lost.state, lost.gpu_billing, lost.disk_billing) == (InstanceState.OFFLINE, False, False)
    assert lost.disk_usd_per_hour > 0
    assert runpod.instance("abc123").state is InstanceState.RUNNING


def test_the_cost_of_zero_of_a_stopped_pod_does_not_hide_its_volume(runpod, server):
    volume = {"persistent": {"size": 72, "path": "/workspace"}}
    server.get(POD, json=row(status="EXITED", cost=0.0, mounts=volume, runtime=None))
    view = runpod.instance("abc123")
    assert view.state is InstanceState.STOPPED
    assert (view.gpu_billing, view.disk_billing) == (False, True)
    assert view.disk_usd_per_hour == Decimal("0.02")


def test_a_stopped_pod_without_a_volume_bills_nothing(runpod, server):
    server.get(POD, json=row(status="EXITED", cost=0.0, runtime=None))
    view = runpod.instance("abc123")
    assert (view.gpu_billing, view.disk_billing, view.disk_usd_per_hour) == (False, False, 0)


def test_a_terminated_pod_is_no_instance(runpod, server):
    server.get(POD, json=row(status="TERMINATED", cost=0.0))
    server.get(PODS, json=page([row(status="TERMINATED", cost=0.0), row("other")]))
    assert runpod.instance("abc123") is None
    assert [view.instance_id for view in runpod.instances()] == ["other"]


def test_only_a_problem_document_of_404_is_a_no(runpod, server):
    server.get(POD, **problem(404, "pod not found"))
    server.get(POD, status=404, body="<html>Not Found</html>")
    assert runpod.instance("abc123") is None
    with pytest.raises(BadAnswerError):
        runpod.instance("abc123")


def test_a_listing_has_all_pages_and_the_members_of_clusters(runpod, server):
    server.get(PODS, json=page([row("one"), row("two")], "c1"))
    server.get(PODS, json=page([row("three")]))
    assert [view.instance_id for view in runpod.instances()] == ["one", "two", "three"]
    first, second = (call.request.params for call in server.calls)
    assert first == {"includeClusterPods": "true", "limit": "1000"}
    assert second == {**first, "cursor": "c1"}


@pytest.mark.parametrize(
    "body",
    [
        [], {}, {"pods": None}, {"pods": []}, {"pods": [], "pagination": {}}, {"pods": {}, "pagination": {}},
        {"pods": [row()], "pagination": {"hasNextPage": True}}, page([], "c1"), page([row(), row()]),
        page(["text"]), page([{**row(), "cost": None}]), page([{**row(), "id": ""}]), page([{**row(), "cost": -1}]),
    ],
)  # fmt: skip
def test_a_listing_that_cannot_be_relied_on_is_an_error_and_never_empty(runpod, server, body):
    server.get(PODS, json=body)
    with pytest.raises(BadAnswerError):
        runpod.instances()


def test_a_cursor_that_leads_back_is_an_error(runpod, server):
    server.get(PODS, json=page([row("one")], "c1"))
    server.get(PODS, json=page([row("two")], "c1"))
    with pytest.raises(BadAnswerError, match="twice"):
        runpod.instances()


def test_a_delete_is_taken_by_204_alone(runpod, server):
    server.delete(POD, status=204)
    server.delete(POD, **problem(404, "pod not found"))
    server.delete(POD, json={"success": True})
    server.delete(POD, status=404, body="<html>")
    assert runpod.destroy("abc123") is True
    assert runpod.destroy("abc123") is False
    for _ in range(2):
        with pytest.raises(BadAnswerError):
            runpod.destroy("abc123")


def test_the_body_of_a_create_says_one_type_its_cuda_and_where(l4, launch):
    from dataclasses import replace

    placed = replace(l4, offer_id="NVIDIA L4/community/2/EU-RO-1")
    assert pod_body(placed, replace(launch, min_cuda="13.0"), "token-1", "http") == {
        "name": "token-1", "image": "vllm/vllm-openai:v0.25.1", "cmd": ["--model", "org/model"],
        "gpu": {"id": "NVIDIA L4", "count": 2, "minCudaVersion": "13.0"}, "cloud": "COMMUNITY", "disk": 40,
        "ports": ["8000/http"], "env": {"VLLM_API_KEY": "sk-service"}, "dataCenterIds": ["EU-RO-1"],
    }  # fmt: skip
    anywhere = pod_body(l4, launch, "token-1", "tcp")
    assert "dataCenterIds" not in anywhere
    assert anywhere["gpu"] == {"id": "NVIDIA L4", "count": 1}
    assert anywhere["ports"] == ["8000/tcp"]


def test_the_account_key_travels_in_its_header_alone(runpod, server, l4, launch):
    server.post(PODS, status=201, json=row())
    assert runpod.create(l4, launch, "token-1") == "abc123"
    for call in server.calls:
        assert call.request.headers["Authorization"] == f"Bearer {KEY}"
        assert KEY not in f"{call.request.url} {call.request.body}"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(400, NOTHING_FREE), OfferGoneError),
        (problem(400, "There are not enough free GPUs on the host machine to start this pod."), OfferGoneError),
        (problem(400, "name is taken"), CreateRefusedError),
        (problem(400, "This would exceed your account's spend limit of $80 an hour."), NoCreditError),
        (problem(401, "invalid bearer token"), RefusedKeyError),
        (problem(403, "access denied"), OfferGoneError),
        (problem(404, "template not found"), CreateRefusedError),
        (problem(409, "conflict"), BadAnswerError),
        (problem(422, "failed", errors=[{"location": "body.bid", "message": "unexpected"}]), InvalidRequestError),
        (problem(429, "rate limit exceeded for the minute window"), RateLimitedError),
        (problem(500, "internal server error"), UnreachableError),
        ({"status": 502, "body": "<html>"}, UnreachableError),
        ({"status": 400, "body": "<html>no capacity</html>"}, BadAnswerError),
        ({"status": 201, "body": '{"id": "abc'}, BadAnswerError),
        ({"status": 201, "json": {"name": "x"}}, BadAnswerError),
        ({"status": 204}, BadAnswerError),
        ({"body": requests.ReadTimeout()}, UnreachableError),
    ],
)
def test_a_create_is_sent_once_and_its_refusals_are_told_apart(runpod, server, l4, launch, answer, error):
    server.post(PODS, **answer)
    with pytest.raises(error) as caught:
        runpod.create(l4, launch, "token-1")
    assert sum(call.request.method == "POST" for call in server.calls) == 1
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("errors", [5, True, "bad", {"message": "bad"}, [None, 5, {}, []], [[1]], {}, None, 0])
def test_a_problem_with_odd_errors_is_told_and_never_raised_on(runpod, server, l4, launch, errors):
    server.post(PODS, **problem(422, "failed", errors=errors))
    with pytest.raises(InvalidRequestError, match="failed"):
        runpod.create(l4, launch, "token-1")


def test_a_bid_is_refused_before_anything_is_sent(runpod, server, l4, launch):
    with pytest.raises(InvalidRequestError, match="no bids"):
        runpod.create(replace(l4, interruptible=True), launch, "token-1")
    with pytest.raises(InvalidRequestError, match="no bids"):
        runpod.change_bid("abc123", Decimal("0.2"))
    assert {call.request.method for call in server.calls} == {"GET"}  # the search that found the offer


def test_an_entrypoint_of_our_own_stands_before_the_arguments(l4, launch):
    body = pod_body(l4, replace(launch, entrypoint=("python3", "-m", "server")), "t", "http")
    assert (body["entrypoint"], body["cmd"]) == (["python3", "-m", "server"], list(launch.args))
    assert "entrypoint" not in pod_body(l4, launch, "t", "http")


def test_the_proxy_and_not_a_port_of_the_host_cuts_silence_off(runpod):
    assert runpod.capabilities.first_byte_s == 100.0
    assert open_runpod(URL, Secret(KEY), ManualClock(), port_kind="tcp").capabilities.first_byte_s is None


def test_an_endpoint_that_was_silent_for_too_long_behind_the_proxy_is_told_what_helps(server):
    url = "https://abc123-8000.proxy.runpod.net"
    server.post(f"{url}/v1/chat/completions", status=524, body="<html>error code: 524</html>")
    with pytest.raises(BadAnswerError, match="said nothing for 100 s") as told:
        ask(url, Secret("sk-endpoint"), "org/model", "?")
    assert "CLOUDGPU_RUNPOD_PORT=tcp" in told.value.hint


def test_a_422_names_the_field(runpod, server, l4, launch):
    server.post(PODS, **problem(422, "failed", errors=[{"location": "body.bid", "message": "unexpected property"}]))
    with pytest.raises(InvalidRequestError, match=r"body\.bid: unexpected property"):
        runpod.create(l4, launch, "token-1")


def test_too_little_money_says_what_is_left(runpod, server, l4, launch):
    server.post(PODS, **problem(402, "balance too low"))
    server.post(GRAPHQL, json={"data": {"myself": {"id": "user_1", "clientBalance": 0.315}}})
    with pytest.raises(NoCreditError, match=r"\$0\.32 left|\$0\.31 left"):
        runpod.create(l4, launch, "token-1")


def test_too_little_money_is_said_though_the_balance_cannot_be_read(runpod, server, l4, launch):
    server.post(PODS, **problem(402, "balance too low"))
    server.post(GRAPHQL, status=410, body="gone")
    server.get(f"{URL}/v2/account/balance", **problem(404, "no such path"))
    with pytest.raises(NoCreditError):
        runpod.create(l4, launch, "token-1")


def test_variables_beyond_what_runpod_takes_are_refused_before_anything_is_sent(runpod, server, l4, launch):
    from dataclasses import replace

    crowded = replace(launch, env={f"V{number}": "x" for number in range(51)})
    with pytest.raises(InvalidRequestError):
        runpod.create(l4, crowded, "token-1")
    assert all(call.request.method == "GET" for call in server.calls)


def test_offers_come_from_flags_stock_and_counts_and_not_from_the_smaller_price(runpod, server):
    placeholder = kind(id="NVIDIA B200", secure=False, price={"secure": 0.5, "community": 5.98})
    sold_out = kind(id="NVIDIA L40", availability="NONE")
    server.get(CATALOGUE, json={"gpus": [kind(), placeholder, sold_out, {**kind(), "id": "unknown"}, "text"]})
    market = runpod.search(OfferQuery(disk_gb=40, gpu_counts=(1, 8)))
    assert [offer.offer_id for offer in market.offers] == ["NVIDIA L4/secure/1"]
    offer = market.offers[0]
    assert (offer.provider, offer.gpu, offer.gpu_usd_per_hour, offer.cuda_max) == (
        "runpod",
        "L4",
        Decimal("0.49"),
        "13.0",
    )
    assert market.unreadable["out of stock"] == 2
    asked = [call.request.params for call in server.calls]
    assert [each["count"] for each in asked] == ["1", "8"]
    assert {(each["include"], each["product"], each["cloud"]) for each in asked} == {("AVAILABILITY", "POD", "SECURE")}


def test_community_hosts_are_asked_for_only_where_unverified_ones_are_allowed(runpod, server):
    both = kind(community=True, maxCount={"secure": 4, "community": 4})
    server.get(CATALOGUE, json={"gpus": [both]})
    market = runpod.search(OfferQuery(disk_gb=40, gpu_counts=(2,), verified_only=False))
    assert [offer.offer_id for offer in market.offers] == ["NVIDIA L4/secure/2", "NVIDIA L4/community/2"]


def test_a_region_makes_an_offer_of_each_data_centre_in_stock(runpod, server):
    server.get(CATALOGUE, json={"gpus": [kind()]})
    offers = runpod.search(OfferQuery(disk_gb=40, gpu_counts=(1,), regions=("EU",))).offers
    assert [(offer.offer_id, offer.country) for offer in offers] == [
        ("NVIDIA L4/secure/1/EU-RO-1", "RO"), ("NVIDIA L4/secure/1/CA-MTL-1", "CA"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("centre", "country"), [("EUR-IS-1", "IS"), ("US-TX-3", "US"), ("AP-JP-1", "JP"), ("somewhere", None)]
)
def test_a_data_centre_says_its_country(centre, country):
    assert country_of(centre) == country


def test_an_offer_is_read_again_at_its_own_count_and_price(runpod, server, l4):
    server.get(TYPE, json=kind(price={"secure": 0.59, "community": 0.5}))
    assert runpod.offer(l4, 40).gpu_usd_per_hour == Decimal("0.59")
    assert server.calls[-1].request.params["count"] == "1"


@pytest.mark.parametrize("answer", [{"json": kind(availability="NONE")}, problem(404, "no such type")])
def test_an_offer_out_of_stock_is_gone(runpod, server, l4, answer):
    server.get(TYPE, **answer)
    with pytest.raises(OfferGoneError):
        runpod.offer(l4, 40)


def test_a_used_up_window_holds_the_next_call_back(runpod, server, clock):
    server.get(POD, json=row(), headers={"RateLimit": '"minute";r=0;t=17, "hour";r=812;t=900'})
    server.get(POD, json=row(), headers={"RateLimit": '"minute";r=60;t=17'})
    runpod.instance("abc123")
    before = clock.now()
    runpod.instance("abc123")
    assert (clock.now() - before).total_seconds() == 17
    runpod.instance("abc123")
    assert (clock.now() - before).total_seconds() < 20


def test_a_429_of_a_read_is_waited_out_by_its_headers(runpod, server, clock):
    server.get(POD, **problem(429, "rate limit"), headers={"Retry-After": "12", "RateLimit": '"minute";r=0;t=12'})
    server.get(POD, json=row())
    before = clock.now()
    assert runpod.instance("abc123").instance_id == "abc123"
    assert 12 <= (clock.now() - before).total_seconds() <= 24


def test_hours_of_the_bill_begin_with_the_rental_and_end_with_the_reading(runpod, server):
    records = [
        {"startTime": "2026-03-01T11:00:00Z", "endTime": "2026-03-01T12:00:00Z", "podId": "abc123",
         "totalAmount": 0.25, "gpuAmount": 0.24, "cpuAmount": 0, "diskAmount": 0.01},
        {"startTime": "2026-03-01T12:00:00Z", "endTime": "2026-03-01T13:00:00Z", "podId": "abc123",
         "totalAmount": 0.123456789012, "gpuAmount": 0.12, "cpuAmount": 0, "diskAmount": 0.003},
        {"startTime": "2026-03-01T12:00:00Z", "endTime": "2026-03-01T13:00:00Z", "podId": "other", "totalAmount": 9},
    ]  # fmt: skip
    server.get(f"{URL}/v2/billing/pods", json={"records": records, "metadata": {}})
    since = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)
    lines = runpod.bill("abc123", since)
    assert [line.meter for line in lines] == ["gpu", "disk", "gpu", "disk", "other"]
    assert sum(line.usd for line in lines) == Decimal("0.373456789012")
    assert (lines[0].start, lines[0].end) == (since, datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert lines[-1].start == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert NOW <= lines[-1].end <= NOW.replace(second=5)
    asked = server.calls[0].request.params
    assert (asked["startTime"], asked["endTime"]) == ("2026-03-01T11:00:00Z", "2026-03-01T13:00:00Z")


@pytest.mark.parametrize("body", [{}, {"records": [{"podId": "abc123"}]}, {"records": None}, []])
def test_a_bill_that_cannot_be_read_is_an_error(runpod, server, body):
    server.get(f"{URL}/v2/billing/pods", json=body)
    with pytest.raises(BadAnswerError):
        runpod.bill("abc123", NOW)


def test_a_log_is_read_from_the_stream_until_it_falls_silent(runpod, server):
    events = [{"source": "container", "line": f"line {number}", "ts": "t"} for number in range(2)]
    body = ": hello\n\n" + "".join(f"id: {n}\ndata: {json.dumps(e)}\n\n" for n, e in enumerate(events)) + ": beat\n\n"
    server.get(f"{POD}/logs", body=body + "data: never read\n\n", content_type="text/event-stream")
    assert runpod.logs("abc123", 50) == "line 0\nline 1\n"


def test_an_empty_log_gives_way_to_what_the_host_says(runpod, server):
    server.get(f"{POD}/logs", body=": beat\n\n: beat\n\n", content_type="text/event-stream")
    server.get(f"{POD}/logs", body='data: {"line": "pulling"}\n\n', content_type="text/event-stream")
    assert runpod.logs("abc123", 50) == "pulling\n"
    assert [call.request.params["source"] for call in server.calls] == ["container", "system"]


def test_account_and_balance_outlive_graphql(runpod, server):
    server.post(GRAPHQL, json={"data": {"myself": {"id": "user_1", "clientBalance": 12.5}}})
    told = runpod.account()
    assert (first_name(told), runpod.balance_usd()) == ("user_1", Decimal("12.5"))
    server.replace(responses.POST, GRAPHQL, status=410, body="gone")
    server.get(f"{URL}/v2/account/balance", json={"balanceAmount": 42.18, "billingMode": "PREPAID"})
    assert runpod.balance_usd() == Decimal("42.18")
    assert runpod.account().startswith("key-")
    assert same_account(told, runpod.account())
    assert not same_account("user_2/key-1", runpod.account())
    assert KEY not in told


def test_a_wrong_key_is_refused_and_a_narrow_one_is_told_apart(runpod, server):
    server.get(PODS, **problem(401, "invalid bearer token"))
    with pytest.raises(RefusedKeyError, match="RunPod"):
        runpod.instances()
    server.replace(responses.GET, PODS, **problem(403, "access denied"))
    with pytest.raises(NotAuthorisedError, match="may not do this"):
        runpod.instances()


def test_an_action_is_sent_once(runpod, server):
    server.post(f"{POD}/action", json=row(status="EXITED"))
    runpod.act("abc123", "stop")
    assert json.loads(server.calls[0].request.body) == {"action": "stop"}


def test_the_console_is_where_the_pod_is_shown(runpod):
    assert runpod.console_url("abc123") == "https://console.runpod.io/pods?id=abc123"
    assert runpod.console_url("") == "https://console.runpod.io/pods"
