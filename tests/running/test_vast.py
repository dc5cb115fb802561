"""The Vast.ai adapter on answers of the shapes that Vast.ai sends (values invented)."""

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests
import responses
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloudgpu.base.errors import (
    BadAnswerError,
    CreateRefusedError,
    NoCreditError,
    OfferGoneError,
    RateLimitedError,
    RefusedKeyError,
    UnreachableError,
)
from cloudgpu.running.providers.base import Address, InstanceState, OfferQuery
from cloudgpu.running.providers.vast.bill import lines_of
from cloudgpu.running.providers.vast.instances import view
from tests.running.vast_answers import CREATE, DESTROY, KEY, LIST, SEARCH, SHOW, URL, offer_row, page, row


def test_an_instance_is_read_with_exact_prices_and_its_address(vast, server):
    server.get(SHOW, body=json.dumps({"instances": row()}))
    view = vast.instance("77")
    assert view.state is InstanceState.RUNNING
    assert view.gpu_usd_per_hour == Decimal("0.2866666667")
    assert view.disk_usd_per_hour == Decimal("0.01")
    assert view.addresses == {8000: Address(host="203.0.113.7", port=41234)}
    assert view.gpu_billing
    assert view.disk_billing
    assert view.started_at == datetime.fromtimestamp(1772366400.25, UTC)


def test_a_null_instance_is_the_one_clear_no(vast, server):
    server.get(SHOW, json={"instances": None})
    assert vast.instance("77") is None


@pytest.mark.parametrize("body", ["{}", '{"instances": []}', "[]", "null", "<html>hello</html>", ""])
def test_anything_else_is_no_answer_about_an_instance(vast, server, body):
    server.get(SHOW, body=body)
    with pytest.raises(BadAnswerError):
        vast.instance("77")


def test_a_404_about_an_instance_is_an_error_and_not_an_absence(vast, server):
    server.get(SHOW, status=404, json={"success": False, "error": "no_such_instance", "msg": "x"})
    with pytest.raises(BadAnswerError):
        vast.instance("77")


@pytest.mark.parametrize(
    ("actual", "intended", "message", "state"),
    [
        (None, "running", None, InstanceState.PROVISIONING),
        ("created", "running", "", InstanceState.PROVISIONING),
        ("loading", "running", "pulling", InstanceState.STARTING),
        ("running", "running", "success", InstanceState.RUNNING),
        ("exited", "running", "", InstanceState.FAILED),
        ("exited", "stopped", "", InstanceState.STOPPED),
        ("loading", "stopped", "success, running x", InstanceState.STOPPED),
        ("loading", "stopped", "Error response from daemon: manifest for x not found", InstanceState.FAILED),
        ("created", "running", "OCI runtime create failed: x", InstanceState.FAILED),
        ("offline", "running", "", InstanceState.OFFLINE),
        ("unknown", "running", "", InstanceState.OFFLINE),
        ("rebooting", "running", "", InstanceState.STARTING),
        ("frozen", "running", "", InstanceState.STOPPED),
        ("a new word", "running", "", InstanceState.OFFLINE),
    ],
)
def test_vasts_words_become_ours(vast, server, actual, intended, message, state):
    server.get(
        SHOW, json={"instances": row(actual_status=actual, intended_status=intended, status_msg=message, dph_base=1)}
    )
    assert vast.instance("77").state is state


def test_a_stopped_instance_bills_its_disk_and_a_lost_host_bills_nothing(vast, server):
    server.get(SHOW, json={"instances": row(actual_status="exited", intended_status="stopped", dph_base=1)})
    stopped = vast.instance("77")
    server.replace(responses.GET, SHOW, json={"instances": row(actual_status="offline", dph_base=1)})
    lost = vast.instance("77")
    assert (stopped.gpu_billing, stopped.disk_billing) == (False, True)
    assert (lost.gpu_billing, lost.disk_billing) == (False, False)


@pytest.mark.parametrize(("told", "gb"), [(23.4, 23.4), (0, 0.0), (-1, None), (None, None), ("full", None)])
def test_what_is_on_its_disk_is_told_where_the_host_tells_it(vast, server, told, gb):
    server.get(SHOW, body=json.dumps({"instances": row(disk_usage=told)}))
    assert vast.instance("77").disk_used_gb == gb


def test_no_address_before_it_runs(vast, server):
    server.get(SHOW, json={"instances": row(actual_status="loading", ports={}, dph_base=1)})
    assert vast.instance("77").addresses == {}


def test_every_page_is_read(vast, server):
    server.get(LIST, body=json.dumps(page([row(n) for n in range(25)], 30, "t1")))
    server.get(
        LIST, body=json.dumps(page([row(n) for n in range(25, 30)], 30)),
        match=[responses.matchers.query_param_matcher({"after_token": "t1"}, strict_match=False)],
    )  # fmt: skip
    assert [view.instance_id for view in vast.instances()] == [str(n) for n in range(30)]


def test_an_empty_account_is_an_empty_list(vast, server):
    server.get(LIST, json=page([]))
    assert list(vast.instances()) == []


@pytest.mark.parametrize(
    "body",
    [
        {}, {"instances": []}, {"instances": [], "total_instances": 0}, page(None, 0), page("", 0),
        page([row(1)], 2), page([], 1), page([row(1), row(1)]),
        page([{"id": 5}]), page([row(1, dph_base=None)]), page([row(1, dph_base="much")]), page([row(1, dph_base=-1)]),
        page([row(None)]), page([row("")]), page([row(True)]),
        page([], 1, "more"), {**page([]), "success": False}, {**page([]), "total_instances": "0"}, [], None,
    ],
)  # fmt: skip
def test_a_listing_that_cannot_be_relied_on_is_an_error_and_never_empty(vast, server, body):
    server.get(LIST, body=json.dumps(body))
    with pytest.raises(BadAnswerError):
        vast.instances()


VALUE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.decimals(allow_nan=True), st.text(max_size=4),
    st.sampled_from([Decimal("1e30"), Decimal("1e400"), Decimal("-1e30"), "running", [], [[]], {}, {"8000/tcp": [5]}]),
)  # fmt: skip
FIELDS = (
    "id", "label", "machine_id", "actual_status", "intended_status", "status_msg", "public_ipaddr", "ports", "dph_base",
    "dph_total", "storage_total_cost", "start_date",
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(changed=st.dictionaries(st.sampled_from(FIELDS), VALUE, max_size=4))
@example(changed={"start_date": Decimal("1e30")})
def test_a_row_of_any_values_is_read_or_refused(changed):
    exact = json.loads(json.dumps(row()), parse_float=Decimal)
    with contextlib.suppress(BadAnswerError):
        view({**exact, **changed})


@settings(max_examples=300, deadline=None)
@given(changed=st.dictionaries(st.sampled_from(["type", "amount", "start", "end", "items"]), VALUE, max_size=3))
@example(changed={"start": Decimal("1e30")})
@example(changed={"items": [None]})
def test_a_charge_of_any_values_is_read_or_refused(changed):
    charge = {"source": "instance-77", "type": "gpu", "amount": Decimal("0.1"), "start": 1772366400, "end": 1772370000}
    with contextlib.suppress(BadAnswerError):
        lines_of("77", [{**charge, **changed}])
    with contextlib.suppress(BadAnswerError):
        lines_of("77", [{**charge, "items": [changed]}])


@pytest.mark.parametrize("rows", [[None], ["instance-77"], [[]], [5]])
def test_charges_that_are_none_are_refused(rows):
    with pytest.raises(BadAnswerError):
        lines_of("77", rows)


def test_a_label_is_text_whatever_came(vast, server):
    server.get(LIST, body=json.dumps(page([row(1, label=5), row(2, label=None)])))
    assert [view.label for view in vast.instances()] == ["5", None]


def test_the_retired_listing_is_an_error(vast, server):
    server.get(LIST, status=410, json={"error": "deprecated_endpoint", "msg": "gone"})
    with pytest.raises(BadAnswerError):
        vast.instances()


def test_a_create_says_exactly_what_is_wanted(vast, server, launch, make_offer):
    server.put(CREATE, json={"success": True, "new_contract": 88, "instance_api_key": "x"})
    assert vast.create(make_offer(5001), launch, "cloudgpu-token") == "88"
    sent = json.loads(server.calls[0].request.body)
    assert sent == {
        "client_id": "me", "image": "vllm/vllm-openai:v0.25.1", "runtype": "args", "args": ["--model", "org/model"],
        "env": {"-p 8000:8000": "1", "VLLM_API_KEY": "sk-service"}, "disk": 40, "label": "cloudgpu-token",
        "target_state": "running", "cancel_unavail": True,
    }  # fmt: skip
    assert KEY not in server.calls[0].request.body


def test_an_entrypoint_of_our_own_makes_the_whole_command_line(vast, server, launch, make_offer):
    server.put(CREATE, json={"success": True, "new_contract": 88})
    vast.create(make_offer(5001), replace(launch, entrypoint=("python3", "-m", "a server")), "t")
    sent = json.loads(server.calls[0].request.body)
    assert (sent["runtype"], sent["args"]) == ("args", [])
    assert sent["onstart"] == "python3 -m 'a server' --model org/model"


NO_SUCH_ASK = {"success": False, "error": "no_such_ask", "msg": "Instance type by id 5001 is not available."}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, NO_SUCH_ASK, OfferGoneError),
        (400, NO_SUCH_ASK, OfferGoneError),
        (410, NO_SUCH_ASK, OfferGoneError),
        (200, NO_SUCH_ASK, OfferGoneError),
        (400, {"success": False, "error": "insufficient_credit", "msg": "x"}, NoCreditError),
        (400, {"success": False, "error": "spend_rate_limit", "msg": "x"}, NoCreditError),
        (400, {"success": False, "error": "invalid_args", "msg": "x"}, CreateRefusedError),
        (404, {"error": "auth_error", "msg": "Invalid user key"}, RefusedKeyError),
        (401, {"error": "auth_error"}, RefusedKeyError),
        (403, {"error": "auth_error", "msg": "This action requires login"}, RefusedKeyError),
        (404, {"msg": "Session expired. Please log in again."}, RefusedKeyError),
        (400, {"success": False, "error": "something_new"}, BadAnswerError),
        (200, {"success": False, "error": "something_new"}, BadAnswerError),
        (200, {"success": True}, BadAnswerError),
        (200, {}, BadAnswerError),
        (500, {"error": "x"}, UnreachableError),
        (502, {}, UnreachableError),
        (504, {}, UnreachableError),
        (429, {"detail": "API requests too frequent"}, RateLimitedError),
        (308, {}, BadAnswerError),
    ],
)
def test_every_known_answer_to_a_create_has_its_error_and_it_is_sent_once(
    vast, server, launch, make_offer, status, body, error
):
    server.put(CREATE, status=status, json=body)
    with pytest.raises(error) as caught:
        vast.create(make_offer(5001), launch, "t")
    assert caught.value.instance_id is None
    assert len(server.calls) == 1


@pytest.mark.parametrize("status", [400, 410, 200])
def test_an_error_that_names_a_contract_means_that_it_exists(vast, server, launch, make_offer, status):
    server.put(CREATE, status=status, json={**NO_SUCH_ASK, "new_contract": 88})
    with pytest.raises(CreateRefusedError) as caught:
        vast.create(make_offer(5001), launch, "t")
    assert caught.value.instance_id == "88"


@pytest.mark.parametrize("failure", [requests.ReadTimeout("x"), requests.ConnectionError("x")])
def test_a_create_without_an_answer_is_sent_once_and_may_have_happened(vast, server, launch, make_offer, failure):
    server.put(CREATE, body=failure)
    with pytest.raises(UnreachableError):
        vast.create(make_offer(5001), launch, "t")
    assert len(server.calls) == 1


def test_a_create_answered_by_a_web_page_may_have_happened(vast, server, launch, make_offer):
    server.put(CREATE, body="<html>502</html>")
    with pytest.raises(BadAnswerError):
        vast.create(make_offer(5001), launch, "t")


def test_a_read_is_repeated_when_the_server_is_in_trouble(vast, server):
    server.get(SHOW, status=503)
    server.get(SHOW, body=requests.ConnectionError("x"))
    server.get(SHOW, json={"instances": None})
    assert vast.instance("77") is None
    assert len(server.calls) == 3


def test_a_read_gives_up_in_the_end(vast, server):
    server.get(SHOW, status=503)
    with pytest.raises(UnreachableError):
        vast.instance("77")
    assert len(server.calls) == 4


@pytest.mark.parametrize(
    ("body", "headers", "waited_s"),
    [
        ("API requests too frequent endpoint threshold=4.5", {}, 4.5),
        ('{"detail": "too many"}', {"Retry-After": "7"}, 7.0),
        ('{"detail": "too many"}', {}, 1.0),
    ],
)
def test_a_429_is_waited_out_in_both_its_forms(vast, server, clock, body, headers, waited_s):
    server.get(SHOW, status=429, body=body, headers=headers)
    server.get(SHOW, json={"instances": None})
    before = clock.now()
    assert vast.instance("77") is None
    assert (clock.now() - before).total_seconds() == max(waited_s, 2.0)  # 2 s lie between two reads anyway


def test_a_daily_quota_is_not_waited_out(vast, server):
    server.post(SEARCH, status=429, json={"error": "search_quota_exceeded"}, headers={"X-RateLimit-Reset": "00:00"})
    with pytest.raises(RateLimitedError, match="quota"):
        vast.search(OfferQuery(disk_gb=40))
    assert len(server.calls) == 1


def test_calls_of_one_endpoint_keep_their_distance(vast, server, clock):
    server.get(SHOW, json={"instances": None})
    server.delete(SHOW, json={"success": True})
    began = clock.now()
    for _ in range(3):
        vast.instance("77")
    assert (clock.now() - began).total_seconds() == 4.0
    vast.destroy("77")
    assert (clock.now() - began).total_seconds() == 4.0


def test_a_destroy_is_sent_once_and_silent_about_what_is_gone(vast, server):
    server.delete(
        DESTROY, status=404, json={"success": False, "error": "no_such_instance", "msg": "Instance 77 not found."}
    )
    vast.destroy("77")
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, {"error": "auth_error", "msg": "Invalid user key"}, RefusedKeyError),
        (200, {"success": False, "msg": "busy"}, BadAnswerError),
        (504, {}, UnreachableError),
        (404, {"error": "what", "msg": "page missing"}, BadAnswerError),
    ],
)
def test_a_destroy_that_did_not_happen_is_an_error(vast, server, status, body, error):
    server.delete(DESTROY, status=status, json=body)
    with pytest.raises(error):
        vast.destroy("77")


def test_a_search_asks_for_the_real_disk_and_filters_at_the_server(vast, server):
    server.post(SEARCH, body=json.dumps({"offers": [offer_row(), offer_row(5002, gpu_ram=None)]}))
    market = vast.search(
        OfferQuery(
            disk_gb=55, gpu_names=("RTX 4090",), gpu_counts=(1, 2), min_reliability=0.9, max_usd_per_hour=Decimal("0.5")
        )
    )
    sent = json.loads(server.calls[0].request.body)
    assert sent["allocated_storage"] == 55
    assert sent["gpu_name"]["in"] == ["RTX 4090"]
    assert sent["num_gpus"] == {"in": [1, 2]}
    assert sent["verified"] == {"eq": True}
    assert all(
        isinstance(sent[name], dict) for name in sent if name not in ("type", "order", "limit", "allocated_storage")
    )
    assert [offer.offer_id for offer in market.offers] == ["5001"]
    assert market.offers[0].gpu_usd_per_hour == Decimal("0.3")
    assert sum(market.unreadable.values()) == 1


def test_an_offer_is_read_again_by_its_own_number(vast, server, make_offer):
    server.post(SEARCH, body=json.dumps({"offers": [offer_row(dph_base=0.4)]}))
    assert vast.offer(make_offer(5001), 40).gpu_usd_per_hour == Decimal("0.4")
    assert json.loads(server.calls[0].request.body)["ask_contract_id"] == {"eq": 5001}


@pytest.mark.parametrize("rows", [[], [offer_row(5002)], [offer_row(rentable=False)], [offer_row(rented=True)]])
def test_an_offer_that_is_not_listed_any_more_is_gone(vast, server, make_offer, rows):
    server.post(SEARCH, body=json.dumps({"offers": rows}))
    with pytest.raises(OfferGoneError):
        vast.offer(make_offer(5001), 40)


def test_a_search_that_answers_no_list_is_an_error(vast, server):
    server.post(SEARCH, json={"success": False, "error": "bad_request", "msg": "x"})
    with pytest.raises(BadAnswerError):
        vast.search(OfferQuery(disk_gb=40))


def test_the_log_is_fetched_without_our_key(vast, server):
    server.put(
        f"{URL}/api/v0/instances/request_logs/77/", json={"success": True, "result_url": "https://bucket.example/l"}
    )
    server.get("https://bucket.example/l", status=403)
    server.get("https://bucket.example/l", body="line one\nline two\n")
    assert vast.logs("77", 100) == "line one\nline two\n"
    for call in server.calls[1:]:
        assert "Authorization" not in call.request.headers


def test_an_empty_log_gives_way_to_what_the_hosts_service_says(vast, server):
    request = f"{URL}/api/v0/instances/request_logs/77/"
    for name in ("container", "daemon"):
        server.put(request, json={"success": True, "result_url": f"https://bucket.example/{name}"})
    server.get("https://bucket.example/container", body="")
    server.get("https://bucket.example/daemon", body="pulling the image\n")
    assert vast.logs("77", 50) == "pulling the image\n"
    asked = [json.loads(call.request.body) for call in server.calls if call.request.method == "PUT"]
    assert asked == [{"tail": "50"}, {"tail": "50", "daemon_logs": "true"}]


@pytest.mark.parametrize("url", ["http://[::1", "file:///etc/passwd", "http://", "nonsense", 5, {"a": 1}])
def test_an_address_of_a_log_that_is_none_is_an_error_of_one_sentence(vast, server, url):
    server.put(f"{URL}/api/v0/instances/request_logs/77/", json={"success": True, "result_url": url})
    with pytest.raises(UnreachableError) as told:
        vast.logs("77", 50)
    assert "\n" not in str(told.value)


def test_the_bill_keeps_every_digit_and_only_its_own_lines(vast, server):
    body = """{"success": true, "count": 2, "total": 2, "next_token": null, "results": [
      {"type": "instance", "source": "instance-77", "amount": 0.123456789012, "start": 1772366400.5, "end": 1772370000,
       "metadata": {}, "items": [
         {"type": "gpu", "amount": 0.1, "start": 1772366500, "end": 1772370000.000001},
         {"type": "disk", "amount": 0.003456789012},
         {"type": "bwd", "amount": 0.02, "start": null, "end": null}]},
      {"type": "instance", "source": "instance-770", "amount": 9, "start": 1, "end": 2, "items": []}]}"""
    server.get(f"{URL}/api/v0/charges/", body=body)
    lines = vast.bill("77", datetime(2026, 3, 1, tzinfo=UTC))
    assert [(line.meter, line.usd) for line in lines] == [
        ("gpu", Decimal("0.1")), ("disk", Decimal("0.003456789012")), ("download", Decimal("0.02")),
    ]  # fmt: skip
    assert lines[0].end.microsecond == 1
    assert lines[1].start == datetime.fromtimestamp(1772366400.5, UTC)


def test_a_bill_that_leads_in_a_circle_is_an_error_and_ends(vast, server):
    row = {"source": "instance-77", "type": "gpu", "amount": 1, "start": 1772366400, "end": 1772370000}
    server.get(f"{URL}/api/v0/charges/", json={"results": [row], "next_token": "again"})
    with pytest.raises(BadAnswerError, match="circle"):
        vast.bill("77", datetime(2026, 3, 1, tzinfo=UTC))
    assert len(server.calls) == 2


def test_the_balance_is_what_was_paid_in_and_is_left(vast, server):
    server.get(f"{URL}/api/v0/users/current/", body='{"id": 12, "credit": 7.25, "balance": 0}')
    assert vast.balance_usd() == Decimal("7.25")
    assert vast.account() == "12"


def test_the_key_travels_in_the_header_and_nowhere_else(vast, server, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine vast.example login a password b\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    server.get(SHOW, json={"instances": None})
    vast.instance("77")
    request = server.calls[0].request
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert KEY not in request.url


def test_no_error_repeats_a_key(vast, server):
    server.get(SHOW, status=400, json={"error": "odd", "msg": f"token {'a1' * 20} is odd"})
    with pytest.raises(BadAnswerError) as caught:
        vast.instance("77")
    assert "a1a1a1a1" not in str(caught.value)
    assert KEY not in repr(vast)
