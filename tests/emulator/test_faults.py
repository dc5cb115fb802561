"""Everything that goes wrong on the real thing can be asked for here."""

from decimal import Decimal

import pytest
import requests

LONG_S = 24 * 3600


@pytest.mark.parametrize("status", [400, 404, 410])
def test_an_offer_can_be_gone_under_three_status_codes(emulator, status):
    emulator.fault("create", f"no_such_ask_{status}")
    answer = emulator.create()
    assert (answer.status_code, answer.json()["error"]) == (status, "no_such_ask")
    assert emulator.list().json()["total_instances"] == 0


def test_a_refusal_may_come_with_status_200(emulator):
    emulator.fault("create", "200_success_false")
    answer = emulator.create()
    assert (answer.status_code, answer.json()["success"]) == (200, False)


@pytest.mark.parametrize("do", ["504_after_effect", "502_after_effect", "500_after_effect", "html_after_effect"])
def test_a_create_can_take_effect_and_answer_as_if_it_had_not(emulator, do):
    emulator.fault("create", do)
    answer = emulator.create()
    assert answer.status_code >= 500 or "<html" in answer.text
    assert emulator.list().json()["total_instances"] == 1


@pytest.mark.parametrize(("do", "rented"), [("timeout", 0), ("timeout_after_effect", 1)])
def test_a_create_can_hang_with_and_without_effect(emulator, do, rented):
    """On a clock that stands the two minutes pass at once, then the connection ends without a byte."""
    offer, before = emulator.offer(), emulator.clock.now()
    emulator.fault("create", do, seconds=120)
    with pytest.raises(requests.ConnectionError):
        emulator.http.put(f"{emulator.url}/api/v0/asks/{offer['id']}/", json=minimal(), timeout=30)
    assert (emulator.clock.now() - before).total_seconds() == 120
    assert emulator.list().json()["total_instances"] == rented


@pytest.mark.parametrize(("do", "rented"), [("drop", 0), ("drop_after_effect", 1)])
def test_a_connection_can_end_before_the_first_byte(emulator, do, rented):
    offer = emulator.offer()
    emulator.fault("create", do)
    with pytest.raises(requests.ConnectionError, match="without response"):
        emulator.http.put(f"{emulator.url}/api/v0/asks/{offer['id']}/", json=minimal(), timeout=30)
    assert emulator.list().json()["total_instances"] == rented


@pytest.mark.parametrize(("do", "rented"), [("close", 0), ("close_after_effect", 1)])
def test_a_connection_can_break_off_in_the_middle_of_an_answer(emulator, do, rented):
    offer = emulator.offer()
    emulator.fault("create", do)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        emulator.http.put(f"{emulator.url}/api/v0/asks/{offer['id']}/", json=minimal(), timeout=30)
    assert emulator.list().json()["total_instances"] == rented


def minimal():
    return {"client_id": "me", "image": "ubuntu:24.04", "disk": 10, "runtype": "ssh"}


def test_an_error_can_name_a_contract_that_exists_and_costs(emulator):
    emulator.fault("create", "error_with_new_contract")
    answer = emulator.create()
    assert answer.status_code == 400
    row = emulator.show(answer.json()["new_contract"])
    assert row["intended_status"] == "stopped"
    assert row["instance"]["totalHour"] > 0


def test_a_listing_can_be_empty_short_broken_or_unreadable(emulator):
    emulator.rent()
    for do in ("empty", "short", "502", "truncated", "html"):
        emulator.fault("list", do)
    assert emulator.list().json()["instances"] == []
    short = emulator.list().json()
    assert (short["instances"], short["total_instances"]) == ([], 1)
    assert emulator.list().status_code == 502
    for _ in range(2):
        with pytest.raises(requests.JSONDecodeError):
            emulator.list().json()
    assert emulator.list().json()["total_instances"] == 1


def test_a_destroy_can_be_ignored_or_fail(emulator):
    instance_id = emulator.rent()
    for do, status in (("ignored", 200), ("500", 500)):
        emulator.fault("destroy", do)
        assert emulator.call("DELETE", f"/api/v0/instances/{instance_id}/", {}).status_code == status
        assert emulator.show(instance_id) is not None


def test_the_two_forms_of_too_many_calls(emulator):
    emulator.fault("show", "429")
    emulator.fault("show", "429_retry_after")
    plain, polite = (emulator.call("GET", "/api/v0/instances/1/") for _ in range(2))
    assert (plain.status_code, plain.text) == (429, "API requests too frequent endpoint threshold=4.5")
    assert (polite.status_code, polite.headers["Retry-After"]) == (429, "2")


def test_a_fault_strikes_as_often_as_asked_and_may_wait(emulator):
    emulator.fault("list", "502", times=2, skip=1)
    assert [emulator.list().status_code for _ in range(4)] == [200, 502, 502, 200]


def test_a_search_can_be_capped(emulator):
    emulator.fault("search", "cap", rows=64)
    assert len(emulator.search()) == 64
    assert len(emulator.search()) > 64


def test_a_start_can_be_queued_because_somebody_has_the_gpu(emulator):
    instance_id = emulator.rent()
    emulator.call("PUT", f"/api/v0/instances/{instance_id}/", {"state": "stopped"})
    emulator.fault("state", "queued")
    answer = emulator.call("PUT", f"/api/v0/instances/{instance_id}/", {"state": "running"})
    assert "state change queued" in answer.json()["msg"]
    row = emulator.show(instance_id)
    assert (row["actual_status"], row["intended_status"]) == ("exited", "running")


def test_a_bill_can_have_a_tail(emulator):
    instance_id = emulator.rent()
    emulator.pass_time(3600)
    emulator.fault("destroy", "billing_tail", seconds=120)
    emulator.call("DELETE", f"/api/v0/instances/{instance_id}/", {})
    at_once = Decimal(emulator.bill()["total_usd"])
    emulator.pass_time(60)
    after = Decimal(emulator.bill()["total_usd"])
    emulator.pass_time(LONG_S)
    assert at_once < after < Decimal(emulator.bill()["total_usd"])
    assert emulator.show(instance_id) is None


@pytest.mark.parametrize(
    ("do", "actual", "intended"),
    [
        ("stuck_loading", "loading", "running"),
        ("bad_image", "loading", "stopped"),
        ("engine_dies", "exited", "running"),
        ("host_offline", "offline", "running"),
        ("outbid", "exited", "stopped"),
        ("never_ready", "running", "running"),
    ],
)
def test_an_instance_can_take_a_bad_turn_by_itself(emulator, do, actual, intended):
    emulator.fault("instance", do)
    struck, sound = emulator.rent(label="struck"), emulator.rent(label="sound")
    emulator.pass_time(LONG_S)
    row = emulator.show(struck)
    assert (row["actual_status"], row["intended_status"]) == (actual, intended)
    assert emulator.show(sound)["actual_status"] == "running"


def test_an_engine_that_never_gets_ready_runs_costs_and_refuses(emulator):
    emulator.fault("instance", "never_ready")
    instance_id = emulator.rent()
    emulator.pass_time(LONG_S)
    with pytest.raises(requests.ConnectionError):
        requests.get(emulator.address(instance_id) + "/health", timeout=30)
    assert emulator.show(instance_id)["instance"]["gpuCostPerHour"] > 0


def test_a_label_may_be_the_name_of_the_deployment_within_it(emulator):
    other = emulator.rent(label="cloudgpu-1f2e3d4c-mistral2-0a1b2c3d4e5f-20260102T0304Z")
    meant = emulator.rent(label="cloudgpu-1f2e3d4c-mistral-0a1b2c3d4e5f-20260102T0304Z")
    emulator.fault("instance", "stopped", label="mistral")
    emulator.pass_time(LONG_S)
    assert emulator.show(meant)["actual_status"] == "exited"
    assert emulator.show(other)["actual_status"] == "running"


def test_an_engine_can_die_later_by_its_label(emulator):
    instance_id = emulator.rent(label="victim")
    emulator.pass_time(LONG_S)
    address = emulator.address(instance_id)
    emulator.fault("instance", "engine_dies", label="victim", after_s=100)
    emulator.pass_time(99)
    assert requests.get(address + "/health", timeout=30).status_code == 200
    emulator.pass_time(2)
    with pytest.raises(requests.ConnectionError):
        requests.get(address + "/health", timeout=30)
    assert "EngineCore encountered a fatal error" in emulator.logs(instance_id)


def test_a_host_can_raise_its_price(emulator):
    instance_id = emulator.rent()
    before = emulator.show(instance_id)["dph_base"]
    emulator.fault("instance", "price_rise", instance_id=instance_id, factor="1.5")
    emulator.pass_time(1)
    assert emulator.show(instance_id)["dph_base"] == before * Decimal("1.5")


@pytest.mark.parametrize(
    "script", [{"on": "nothing", "do": "502"}, {"on": "list", "do": "explode"}, {"on": "list", "do": "502", "often": 3}]
)
def test_a_script_that_means_nothing_is_refused(emulator, script):
    answer = emulator.call("POST", "/emulator/faults", script)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_fault")


def test_faults_can_be_taken_back(emulator):
    emulator.fault("list", "502")
    emulator.call("DELETE", "/emulator/faults")
    assert emulator.list().status_code == 200


def test_a_fresh_instance_can_be_unknown_to_a_list_a_read_and_a_destroy_until_it_is_older(emulator):
    instance_id = emulator.rent()
    for call in ("list", "show", "destroy"):
        emulator.fault(call, "late", seconds=30, times=None)
    assert emulator.list().json()["total_instances"] == 0
    assert emulator.show(instance_id) is None
    refused = emulator.call("DELETE", f"/api/v0/instances/{instance_id}/", {})
    assert (refused.status_code, refused.json()["error"]) == (404, "no_such_instance")
    emulator.pass_time(31)
    assert emulator.list().json()["total_instances"] == 1
    assert emulator.show(instance_id)["id"] == instance_id
    assert emulator.call("DELETE", f"/api/v0/instances/{instance_id}/", {}).json()["success"]
    assert emulator.list().json()["total_instances"] == 0


def test_a_destroy_can_know_nothing_of_an_instance_that_lives(emulator):
    instance_id = emulator.rent()
    emulator.fault("destroy", "no_such_instance")
    assert emulator.call("DELETE", f"/api/v0/instances/{instance_id}/", {}).status_code == 404
    assert emulator.list().json()["total_instances"] == 1


def test_an_answer_can_be_far_too_large(emulator):
    emulator.fault("list", "huge", megabytes=3)
    with emulator.http.get(f"{emulator.url}/api/v1/instances/", stream=True, timeout=30) as answer:
        assert sum(map(len, answer.iter_content(1_000_000))) > 3_000_000
    assert emulator.list().status_code == 200


def test_an_offer_can_be_rented_by_somebody_else_between_search_and_create(emulator):
    offer = emulator.offer()
    emulator.fault("create", "taken")
    assert emulator.create(offer).json()["error"] == "no_such_ask"
    wanted = {"ask_contract_id": {"eq": offer["id"]}, "gpu_name": {"neq": "x"}}
    assert emulator.search(**wanted, rentable={"eq": True}) == []
    assert emulator.offer()["machine_id"] != offer["machine_id"]
    assert emulator.rent(emulator.offer())


def test_prices_can_rise_between_search_and_create(emulator):
    offer = emulator.offer()
    emulator.fault("market", "price_rise", machine_id=offer["machine_id"], factor="1.25", after_s=60)
    emulator.pass_time(59)
    assert emulator.offer()["dph_base"] == offer["dph_base"]
    emulator.pass_time(2)
    again = emulator.search(machine_id={"eq": offer["machine_id"]}, allocated_storage=60, num_gpus={"eq": 1})[0]
    assert again["dph_base"] == offer["dph_base"] * Decimal("1.25")
    instance_id = emulator.rent(again)
    assert emulator.show(instance_id)["dph_base"] == again["dph_base"]


def test_a_machine_can_leave_the_market_and_what_runs_on_it_goes_on(emulator):
    offer = emulator.offer()
    kept = emulator.rent(offer)
    emulator.fault("market", "machine_gone", machine_id=offer["machine_id"])
    assert emulator.search(machine_id={"eq": offer["machine_id"]}) == []
    emulator.pass_time(LONG_S)
    assert emulator.show(kept)["actual_status"] == "running"


def test_a_queued_start_happens_unasked_and_bills_then(emulator):
    instance_id = emulator.rent()
    emulator.pass_time(LONG_S)
    emulator.call("PUT", f"/api/v0/instances/{instance_id}/", {"state": "stopped"})
    emulator.fault("state", "queued", seconds=3600)
    emulator.call("PUT", f"/api/v0/instances/{instance_id}/", {"state": "running"})
    emulator.pass_time(3599)
    waiting = emulator.show(instance_id)
    assert (waiting["actual_status"], waiting["instance"]["gpuCostPerHour"]) == ("exited", 0)
    emulator.pass_time(300)
    begun = emulator.show(instance_id)
    assert begun["actual_status"] == "running"
    assert begun["instance"]["gpuCostPerHour"] > 0


def test_a_queued_start_can_be_called_off(emulator):
    instance_id = emulator.rent()
    emulator.call("PUT", f"/api/v0/instances/{instance_id}/", {"state": "stopped"})
    emulator.fault("state", "queued", seconds=3600)
    for state in ("running", "stopped"):
        emulator.call("PUT", f"/api/v0/instances/{instance_id}/", {"state": state})
    emulator.pass_time(LONG_S)
    assert emulator.show(instance_id)["intended_status"] == "stopped"


def test_a_lost_host_can_come_back_and_bills_nothing_meanwhile(emulator):
    instance_id = emulator.rent(label="lost")
    emulator.pass_time(LONG_S)
    emulator.fault("instance", "host_offline", label="lost", for_s=7200)
    before = emulator.bill()["total_usd"]
    emulator.pass_time(7199)
    assert emulator.show(instance_id)["actual_status"] == "offline"
    assert emulator.bill()["total_usd"] == before
    emulator.pass_time(2)
    assert emulator.show(instance_id)["actual_status"] == "running"
    assert requests.get(emulator.address(instance_id) + "/health", timeout=30).status_code == 200
    assert emulator.bill()["total_usd"] != before


@pytest.mark.parametrize(
    ("do", "actual", "intended"),
    [("unknown", "unknown", "running"), ("stopped", "exited", "stopped"), ("taken_back", "exited", "stopped")],
)
def test_others_can_interfere(emulator, do, actual, intended):
    instance_id = emulator.rent(label="mine")
    emulator.pass_time(LONG_S)
    emulator.fault("instance", do, label="mine")
    row = emulator.show(instance_id)
    assert (row["actual_status"], row["intended_status"]) == (actual, intended)


def test_an_engine_can_run_out_of_memory_while_it_loads(emulator):
    emulator.fault("instance", "oom")
    instance_id = emulator.rent()
    emulator.pass_time(LONG_S)
    assert emulator.show(instance_id)["actual_status"] == "exited"
    log = emulator.logs(instance_id)
    assert log.index("Loading safetensors") < log.index("torch.OutOfMemoryError: CUDA out of memory")
    assert "Application startup complete" not in log


def test_the_search_quota_of_a_day_can_be_used_up(emulator):
    emulator.fault("search", "search_quota")
    answer = emulator.call("POST", "/api/v0/bundles/", {})
    assert (answer.status_code, answer.json()["error"]) == (429, "search_quota_exceeded")
    assert answer.headers["X-RateLimit-Reset"]


@pytest.mark.parametrize(
    ("do", "status", "said"),
    [
        ("429_json", 429, "Too many requests"),
        ("session_expired", 404, "Session expired. Please log in again."),
        ("spend_rate_limit", 400, "spend_rate_limit"),
        ("insufficient_credit", 400, "insufficient_credit"),
        ("auth", 404, "Invalid user key"),
    ],
)
def test_refusals_come_in_the_words_of_the_real_thing(emulator, do, status, said):
    emulator.fault("create", do)
    answer = emulator.create()
    assert (answer.status_code, "Retry-After" in answer.headers) == (status, False)
    assert said in answer.text
    assert emulator.list().json()["total_instances"] == 0
