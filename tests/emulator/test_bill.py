"""The bill: exact, the same however time is cut, and equal on every page that shows it."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.money import ZERO
from cloudgpu.emulator.instances.billing import bill_usd, meters
from cloudgpu.emulator.instances.instance import Instance, Rate, Stage, Step, Transfer

T0 = datetime(2026, 3, 1, tzinfo=UTC)
SECONDS = st.integers(0, 10**6).map(lambda micro: micro * 0.37)


def at(seconds):
    return T0 + timedelta(seconds=seconds)


@st.composite
def lives(draw):
    """Any sequence of stages, prices and transfers, destroyed or not."""
    stages = draw(st.lists(st.tuples(SECONDS, st.sampled_from(list(Stage))), max_size=6))
    prices = draw(st.lists(st.tuples(SECONDS, st.integers(1, 10**12)), max_size=3))
    transfers = draw(st.lists(st.tuples(SECONDS, st.floats(1, 9000), st.integers(1, 900)), max_size=3))
    destroyed = draw(st.none() | SECONDS)
    return life(
        steps=tuple(Step(at=at(s), stage=stage) for s, stage in sorted(stages)),
        rates=tuple(Rate(at=at(s), gpu_usd_per_hour=Decimal(price) / 10**12) for s, price in sorted(prices)),
        transfers=tuple(Transfer(start=at(s), end=at(s + long), size_gb=Decimal(gb) / 7) for s, long, gb in transfers),
        destroyed_at=None if destroyed is None else at(destroyed),
    )


def life(*, steps=(), rates=(), transfers=(), destroyed_at=None):
    return Instance(
        instance_id=1, ask_id=1, machine_index=0, gpu_indexes=(0,), label=None, image="i", args=(), env={},
        onstart=None, runtype="args", command=None, disk_gb=Decimal(60), is_bid=False, ports={}, api_key="k",
        created_at=T0,
        ends_at=at(10**9), disk_usd_per_hour=Decimal("0.016666666667"), download_usd_per_gb=Decimal("0.007066666667"),
        rates=(Rate(at=T0, gpu_usd_per_hour=Decimal("0.346666666667")), *rates), transfers=transfers,
        steps=(Step(at=T0, stage=Stage.SCHEDULED), *steps), destroyed_at=destroyed_at,
    )  # fmt: skip


@given(lives(), st.lists(SECONDS, max_size=5))
def test_any_cut_of_time_gives_the_same_total(instance, cuts):
    edges = [T0, *sorted(at(cut) for cut in cuts), at(500_000)]
    parts = [bill_usd(instance, start, end) for start, end in pairwise(edges)]
    assert sum(parts, ZERO) == bill_usd(instance, T0, at(500_000))


@given(lives(), SECONDS, SECONDS)
def test_the_bill_never_falls(instance, one, other):
    early, late = sorted((one, other))
    assert bill_usd(instance, T0, at(early)) <= bill_usd(instance, T0, at(late))


@given(lives())
def test_nothing_is_charged_after_the_end(instance):
    if instance.destroyed_at is not None:
        assert bill_usd(instance, instance.destroyed_at, at(10**7)) == ZERO


@given(lives(), SECONDS)
def test_no_amount_has_more_than_twelve_places(instance, moment):
    for meter in meters(instance):
        assert -meter.usd(T0, at(moment)).as_tuple().exponent <= 12


def test_the_gpu_costs_only_while_the_container_runs_and_the_disk_from_the_first_second():
    steps = (Step(at=at(100), stage=Stage.LOADING), Step(at=at(400), stage=Stage.RUNNING))
    steps += (Step(at=at(800), stage=Stage.SERVING), Step(at=at(4000), stage=Stage.STOPPED))
    instance = life(steps=steps, destroyed_at=at(7200))
    hours = Decimal("0.346666666667"), Decimal("0.016666666667")
    gpu = (hours[0] * 3600 / 3600).quantize(Decimal("1e-12"))
    disk = hours[1] * 2
    assert bill_usd(instance, T0, at(10**6)) == gpu + disk


def test_a_lost_host_charges_nothing():
    steps = (Step(at=at(0), stage=Stage.RUNNING), Step(at=at(3600), stage=Stage.OFFLINE))
    assert bill_usd(life(steps=steps), at(3600), at(10**6)) == ZERO


def test_a_new_price_counts_from_its_own_moment():
    steps, rise = (Step(at=T0, stage=Stage.RUNNING),), (Rate(at=at(3600), gpu_usd_per_hour=Decimal(1)),)
    instance = life(steps=steps, rates=rise)
    gpu = [meter.usd(T0, at(7200)) for meter in meters(instance) if meter.name == "gpu"]
    assert gpu == [Decimal("0.346666666667"), Decimal(1)]


def test_a_download_that_is_broken_off_is_charged_for_what_had_come():
    flowing = Transfer(start=at(0), end=at(1000), size_gb=Decimal(10), stopped_at=at(250))
    download = next(m for m in meters(life(transfers=(flowing,))) if m.name == "download")
    assert download.usd(T0, at(9999)) == Decimal("0.0176666666675").quantize(Decimal("1e-12"))


def test_every_page_shows_the_same_amounts(emulator):
    for label in ("one", "two"):
        emulator.rent(label=label)
    emulator.pass_time(5000)
    emulator.call("DELETE", f"/api/v0/instances/{emulator.list().json()['instances'][0]['id']}/", {})
    emulator.pass_time(3000)
    bill, rows = emulator.bill(), charges(emulator)
    assert [Decimal(row["usd"]) for row in bill["instances"]] == [row["amount"] for row in rows]
    assert Decimal(bill["total_usd"]) == sum(row["amount"] for row in rows)
    for row in rows:
        assert row["amount"] == sum(item["amount"] for item in row["items"])
    user = emulator.call("GET", "/api/v0/users/current").json(parse_float=Decimal)
    assert user["credit"] == 1000 - Decimal(bill["total_usd"])


def test_a_charge_row_has_vasts_shape(emulator):
    instance_id = emulator.rent()
    emulator.pass_time(7200)
    row = charges(emulator)[0]
    assert (row["source"], row["metadata"]["label"]) == (f"instance-{instance_id}", "token-1")
    assert {item["type"] for item in row["items"]} == {"gpu", "disk", "bwd"}
    assert row["end"] - row["start"] == 7200


def test_charges_need_a_range_of_days(emulator):
    assert emulator.call("GET", "/api/v0/charges/", params={"select_filters": "{}"}).status_code == 400


def charges(emulator):
    params = {"select_filters": json.dumps({"day": {"gte": 0, "lte": 10**11}}), "limit": 500}
    return emulator.call("GET", "/api/v0/charges/", params=params).json(parse_float=Decimal)["results"]


def test_what_was_broken_off_does_not_flow_on_when_more_happens(emulator):
    instance_id = emulator.rent()
    emulator.pass_time(15)  # in the middle of the image
    emulator.call("PUT", f"/api/v0/instances/{instance_id}/", {"state": "stopped"})
    received = emulator.bill()["instances"][0]["received_bytes"]
    emulator.pass_time(5)
    emulator.call("DELETE", f"/api/v0/instances/{instance_id}/", {})
    assert emulator.bill()["instances"][0]["received_bytes"] == received > 0
