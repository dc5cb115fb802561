"""Prepaid money that runs out, to the microsecond; and limits of how often one may call."""

from datetime import timedelta
from decimal import Decimal

import pytest

from cloudgpu.emulator.limits import VAST_INTERVALS_S

A5000 = {"name": "p", "image": "ubuntu:24.04", "gpu": {"id": "NVIDIA RTX A5000"}}


def test_at_zero_vast_stops_everything_at_that_very_moment(rig, emulator):
    instance_id = emulator.rent()
    emulator.pass_time(24 * 3600)
    rig.set_credit("vast", Decimal("0.05"))
    before = Decimal(emulator.bill()["total_usd"])
    emulator.pass_time(20 * 3600)
    row = emulator.show(instance_id)
    assert (row["actual_status"], row["intended_status"], row["status_msg"]) == ("exited", "stopped", "out of credit")
    gpu = [line for line in emulator.bill()["instances"][0]["lines"] if line["meter"] == "gpu"][-1]
    at_the_end = sum(
        Decimal(line["usd"]) for line in emulator.bill()["instances"][0]["lines"] if line["meter"] != "disk"
    )
    assert gpu["end"] < emulator.bill()["now"]
    assert at_the_end < before + Decimal("0.05")
    assert emulator.call("GET", "/api/v0/users/current").json()["credit"] < 0  # its disk goes on costing


def test_without_credit_nothing_starts_and_after_a_day_everything_is_deleted(rig, emulator):
    instance_id = emulator.rent()
    rig.set_credit("vast", Decimal(0))
    refused = emulator.call("PUT", f"/api/v0/instances/{instance_id}/", {"state": "running"})
    assert refused.json()["error"] == "insufficient_credit"
    emulator.pass_time(23 * 3600)
    assert emulator.show(instance_id) is not None
    emulator.pass_time(3601)
    assert emulator.show(instance_id) is None
    total = emulator.bill()["total_usd"]
    emulator.pass_time(24 * 3600)
    assert emulator.bill()["total_usd"] == total


def test_money_paid_in_time_saves_what_is_stopped(rig, emulator):
    instance_id = emulator.rent()
    rig.set_credit("vast", Decimal(0))
    emulator.pass_time(3600)
    rig.set_credit("vast", Decimal(50))
    emulator.pass_time(48 * 3600)
    assert emulator.show(instance_id)["intended_status"] == "stopped"
    assert emulator.call("PUT", f"/api/v0/instances/{instance_id}/", {"state": "running"}).json()["success"]


def test_at_zero_runpod_ends_every_pod_however_late_one_looks(rig, emulator):
    emulator.call("POST", "/v2/pods", A5000)
    rig.set_credit("runpod", Decimal("0.10"))
    emulator.pass_time(30 * 24 * 3600)
    assert emulator.call("GET", "/v2/pods").json()["pods"] == []
    assert Decimal(emulator.bill()["total_usd"]) - Decimal("0.10") < Decimal("1e-6")


def test_a_credit_is_an_amount_of_one_of_the_two(emulator):
    assert emulator.call("POST", "/emulator/credit", {"provider": "aws", "usd": "1"}).status_code == 400
    assert emulator.call("POST", "/emulator/credit", {"provider": "vast", "usd": "much"}).status_code == 400


def test_limits_are_not_enforced_unless_asked_for(emulator):
    assert {emulator.list().status_code for _ in range(5)} == {200}


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        ("list", "GET", "/api/v1/instances/"),
        ("show", "GET", "/api/v0/instances/1/"),
        ("destroy", "DELETE", "/api/v0/instances/1/"),
        ("create", "PUT", "/api/v0/asks/1/"),
        ("state", "PUT", "/api/v0/instances/1/"),
        ("bid", "PUT", "/api/v0/instances/bid_price/1/"),
        ("search", "POST", "/api/v0/bundles/"),
        ("charges", "GET", "/api/v0/charges/"),
    ],
)
def test_vasts_least_interval_is_enforced_on_each_endpoint_by_itself(emulator, call, method, path):
    emulator.fault("any", "rate_limits")
    interval_s = VAST_INTERVALS_S[call]
    assert emulator.call(method, path, {}).status_code != 429
    emulator.pass_time(interval_s - 0.1)
    refused = emulator.call(method, path, {})
    assert (refused.status_code, refused.text) == (
        429,
        f"API requests too frequent endpoint threshold={interval_s}",
    )
    emulator.pass_time(0.2)
    assert emulator.call(method, path, {}).status_code != 429
    assert emulator.call("GET", "/api/v0/users/current").status_code == 200


def test_runpods_windows_are_told_on_every_answer_and_enforced_on_request(emulator):
    emulator.fault("any", "rate_limits", provider="runpod")
    answers = [emulator.call("GET", "/v2/pods") for _ in range(181)]
    assert [each.status_code for each in answers] == [200] * 180 + [429]
    assert answers[0].headers["RateLimit"] == '"minute";r=179;t=60, "hour";r=7199;t=3600'
    assert answers[0].headers["RateLimit-Policy"] == '"minute";q=180;w=60, "hour";q=7200;w=3600'
    assert answers[-1].headers["Retry-After"] == "60"
    assert answers[-1].headers["RateLimit"].startswith('"minute";r=0;t=60')
    emulator.clock.sleep(timedelta(seconds=61).total_seconds())
    assert emulator.call("GET", "/v2/pods").status_code == 200
