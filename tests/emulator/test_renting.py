"""Creating, listing and destroying instances, with the traps of the real API."""

import pytest

GHOST_IMAGE = "vllm/vllm-openai:0.0-nowhere"


def test_a_create_answers_with_the_contract_and_its_own_key(emulator):
    answer = emulator.create().json()
    assert answer["success"]
    assert answer["instance_api_key"]
    row = emulator.show(answer["new_contract"])
    assert row["label"] == "token-1"
    assert row["image_args"][:2] == ["--model", "mistralai/Mistral-7B-Instruct-v0.2"]
    assert ["VLLM_API_KEY", "sk-1"] in row["extra_env"]


def test_the_instance_costs_what_the_offer_said(emulator):
    offer = emulator.offer()
    row = emulator.show(emulator.rent(offer))
    assert row["dph_total"] == offer["dph_total"]
    assert row["dph_base"] == offer["dph_base"]
    assert row["machine_id"] == offer["machine_id"]


def test_an_offer_can_be_rented_once(emulator):
    offer = emulator.offer()
    emulator.rent(offer)
    answer = emulator.create(offer)
    assert (answer.status_code, answer.json()["error"]) == (404, "no_such_ask")


def test_renting_a_slice_takes_every_slice_that_shares_its_gpus(emulator):
    rows = emulator.search(verified={"eq": "any"}, order=[["num_gpus", "desc"]])
    whole = next(row for row in rows if row["gpu_frac"] == 1 and row["num_gpus"] > 1 and row["disk_space"] > 60)
    emulator.rent(whole, env={})
    left = emulator.search(verified={"eq": "any"}, machine_id={"eq": whole["machine_id"]})
    assert left == []


def test_the_slices_of_a_machine_never_offer_a_gpu_that_is_rented(emulator):
    rows = emulator.search(verified={"eq": "any"})
    part = next(row for row in rows if row["gpu_frac"] < 1 and row["disk_space"] > 60)
    emulator.rent(part, env={})
    left = emulator.search(verified={"eq": "any"}, machine_id={"eq": part["machine_id"]})
    assert all(not set(part["gpu_ids"]) & set(row["gpu_ids"]) for row in left)


def test_a_bid_that_is_too_low_is_an_error_that_leaves_a_stopped_instance_behind(emulator):
    offer = emulator.offer()
    answer = emulator.create(offer, price=0.001, cancel_unavail=False)
    assert answer.status_code == 400
    row = emulator.show(answer.json()["new_contract"])
    assert (row["actual_status"], row["intended_status"]) == ("exited", "stopped")
    emulator.pass_time(3600)
    assert float(emulator.bill()["total_usd"]) > 0


def test_with_cancel_unavail_a_low_bid_rents_nothing(emulator):
    answer = emulator.create(price=0.001, cancel_unavail=True)
    assert (answer.status_code, answer.json()["error"]) == (410, "no_such_ask")
    assert emulator.list().json()["instances"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"disk": 4},
        {"disk": 10**6},
        {"image": None},
        {"label": "x" * 257},
        {"args": "a string"},
        {"onstart": "x" * 5000},
    ],
    ids=str,
)
def test_a_create_that_breaks_a_limit_rents_nothing(emulator, wrong):
    answer = emulator.create(**wrong)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_args")
    assert emulator.list().json()["total_instances"] == 0


def test_a_string_of_docker_flags_is_not_applied(emulator):
    row = emulator.show(emulator.rent(env="-p 8000:8000 -e A=B"))
    assert row["extra_env"] == []
    assert row["direct_port_count"] == 0


def test_the_list_is_paged_by_25_and_complete(emulator):
    offers = emulator.search(num_gpus={"eq": 1}, allocated_storage=60)
    machines = {row["machine_id"]: row for row in offers}
    rented = {emulator.rent(row, env={}, label=f"n-{n}") for n, row in enumerate(list(machines.values())[:30])}
    first = emulator.list().json()
    second = emulator.list(after_token=first["next_token"]).json()
    assert (len(first["instances"]), len(second["instances"]), second["next_token"]) == (25, 5, None)
    assert {row["id"] for row in first["instances"] + second["instances"]} == rented
    assert first["total_instances"] == first["instances_found"] == 30
    assert first["label_counts"]["n-3"] == 1


def test_the_list_finds_a_label_exactly(emulator):
    emulator.rent(label="cloudgpu-1")
    wanted = emulator.rent(label="cloudgpu-12")
    found = emulator.list(select_filters={"label": {"eq": "cloudgpu-12"}}).json()["instances"]
    assert [row["id"] for row in found] == [wanted]


@pytest.mark.parametrize(
    "params",
    [{"select_filters": {"dph_total": {"lt": 1}}}, {"after_token": "nonsense"}, {"select_filters": {"label": "x"}}],
    ids=str,
)
def test_the_list_refuses_computed_columns_and_bad_tokens(emulator, params):
    assert emulator.list(**params).status_code == 400


def test_the_old_list_is_gone(emulator):
    answer = emulator.call("GET", "/api/v0/instances/")
    assert (answer.status_code, answer.json()["error"]) == (410, "deprecated_endpoint")


def test_a_destroyed_instance_reads_as_null_and_is_not_listed(emulator):
    instance_id = emulator.rent()
    assert emulator.call("DELETE", f"/api/v0/instances/{instance_id}/", {}).json() == {"success": True}
    assert emulator.show(instance_id) is None
    assert emulator.show(987_654) is None  # the same answer for an id that never was
    assert emulator.list().json()["instances"] == []
    assert emulator.call("DELETE", f"/api/v0/instances/{instance_id}/", {}).status_code == 404


def test_a_label_can_be_changed(emulator):
    instance_id = emulator.rent()
    assert emulator.call("PUT", f"/api/v0/instances/{instance_id}/", {"label": "other"}).json()["success"]
    assert emulator.show(instance_id)["label"] == "other"


def test_an_image_that_no_registry_has_never_starts(emulator):
    instance_id = emulator.rent(image=GHOST_IMAGE)
    emulator.pass_time(60)
    row = emulator.show(instance_id)
    assert (row["actual_status"], row["intended_status"]) == ("loading", "running")
    assert row["status_msg"] == f"Error response from daemon: manifest for {GHOST_IMAGE} not found: manifest unknown"
    emulator.pass_time(7 * 60)
    assert emulator.show(instance_id)["intended_status"] == "stopped"


def test_an_old_driver_keeps_the_container_from_starting(emulator):
    old = emulator.offer(gpu_name={"neq": "x"}, cuda_max_good={"lt": 13.0})
    instance_id = emulator.rent(old)
    emulator.pass_time(24 * 3600)
    row = emulator.show(instance_id)
    assert row["actual_status"] == "created"
    assert "OCI runtime create failed" in row["status_msg"]
    assert {line["meter"] for line in emulator.bill()["instances"][0]["lines"]} == {"disk", "download"}
