"""The bill as the truth: whatever happens to instances, it grows by exactly what every page says they cost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.money import ZERO
from cloudgpu.emulator.faults.fault import Fault
from cloudgpu.emulator.fleet.runpod import make_fleet
from cloudgpu.emulator.instances.billing import bill_usd, meters, moved_bytes
from cloudgpu.emulator.instances.instance import steps_of
from cloudgpu.emulator.instances.rental import RentRequest
from cloudgpu.emulator.rented import hourly_usd
from cloudgpu.emulator.runpod_api.create_body import read_create
from cloudgpu.emulator.runpod_api.stock import Wish, ask_of
from cloudgpu.emulator.vast_api.charges import charge_rows
from cloudgpu.emulator.world.world import World

T0 = datetime(2026, 3, 1, tzinfo=UTC)
A5000 = "NVIDIA RTX A5000"
TURNS = ("outbid", "price_rise", "host_offline", "stopped", "engine_dies", "unknown")
SECONDS = st.integers(1, 40_000_000).map(lambda milli: milli / 1000)
ACTS = st.one_of(
    st.tuples(
        st.sampled_from(("rent", "rent_bid", "stop", "start", "destroy", "raise_bid", "send")), st.integers(0, 3)
    ),
    st.tuples(st.sampled_from(TURNS), st.integers(0, 3)),
)
HISTORIES = st.lists(st.tuples(ACTS, SECONDS), min_size=1, max_size=10)


class History:
    """A market in which things happen, one after another."""

    def __init__(self, runpod=False):
        self.clock = ManualClock(T0)
        self.pods = runpod
        more = {"fleet": make_fleet} if runpod else {}
        self.world = World(path=None, clock=self.clock, seed=1, reserve_port=lambda: 40_000, **more)

    def play(self, acts):
        for (act, number), seconds in acts:
            self.world.end_without_credit()
            self._act(act, number)
            self._pass(seconds)

    def _act(self, act, number):
        living = self.world.instances()
        if act in ("rent", "rent_bid"):
            self._rent(bid=act == "rent_bid")
        elif living:
            self._do(act, living[number % len(living)])

    def _do(self, act, one):
        if act in TURNS:
            script = Fault(on="instance", do=act, instance_id=one.pod.pod_id if one.pod else str(one.instance_id))
            lasting = {"for_s": 5000.0} if act in ("outbid", "host_offline") else {}
            self.world.faults.add(replace(script, after_s=7.0, **lasting))
        elif act == "raise_bid":
            self.world.change_bid(one, Decimal("0.9"))
        elif act == "send":
            self.world.traffic(one, Decimal("12.5"), 3000, outward=True)
        else:
            getattr(self.world, act)(one)

    def _rent(self, *, bid):
        if self.pods:
            ask = ask_of(self.world, Wish(gpu_type=A5000, gpu_count=1, cloud="SECURE"))
            body = {"name": "p", "image": "ubuntu:24.04", "gpu": {"id": A5000}}
            request = read_create({**body, "mounts": {"persistent": {"size": 20, "path": "/w"}}}).rent
        else:
            ask = next(each for each in self.world.asks() if each.rentable and each.machine.disk_gb > 60)
            request = RentRequest(
                image="ubuntu:24.04", args=(), env={}, onstart=None, runtype="args", disk_gb=Decimal(20), label=None,
                container_ports=(), bid_usd_per_hour=Decimal("0.31") if bid else None,
            )  # fmt: skip
        if ask is not None:
            self.world.rent(ask, request)

    def _pass(self, seconds):
        """Let time pass from one change to the next, and hold what was shown at its beginning against the bill."""
        end = self.clock.time + timedelta(seconds=seconds)
        while self.clock.time < end:
            now = self.clock.time
            until = min([end, *(edge for edge in self._edges() if edge > now)])
            shown = sum((hourly_usd(each, now) for each in self.world.instances()), ZERO)
            flows = sum((self._traffic_usd(each, now, until) for each in self.world.all_instances()), ZERO)
            grown = sum((bill_usd(each, now, until) for each in self.world.all_instances()), ZERO)
            hours = Decimal(int((until - now) / timedelta(microseconds=1))) / 3_600_000_000
            assert grown - flows == pytest.approx(shown * hours, abs=Decimal("1e-10"))
            self.clock.time = until

    def _edges(self):
        for each in self.world.instances():
            yield from (step.at for step in steps_of(each))
            yield from (rate.at for rate in each.rates)

    @staticmethod
    def _traffic_usd(instance, start, end):
        flows = [meter for meter in meters(instance) if meter.name in ("download", "upload")]
        return sum((meter.usd(start, end) for meter in flows), ZERO)


@settings(max_examples=60, deadline=None)
@given(HISTORIES, st.booleans())
def test_the_bill_grows_by_what_is_shown_and_every_page_adds_up(acts, runpod):
    history = History(runpod)
    history.play(acts)
    world = history.world
    total = sum((bill_usd(each, T0, world.now()) for each in world.all_instances()), ZERO)
    assert world.bill_usd() == total
    assert world.credit_usd() == 1000 - total
    if not runpod:
        assert sum((row["amount"] for row in charge_rows(world)), ZERO) == total


@settings(max_examples=40, deadline=None)
@given(HISTORIES, st.lists(SECONDS, max_size=4), st.booleans())
def test_any_cut_of_a_history_gives_the_same_bill_and_the_same_bytes(acts, cuts, runpod):
    history = History(runpod)
    history.play(acts)
    now = history.world.now()
    edges = sorted({T0, now, *(min(now, T0 + timedelta(seconds=cut)) for cut in cuts)})
    for each in history.world.all_instances():
        assert sum((bill_usd(each, a, b) for a, b in pairwise(edges)), ZERO) == bill_usd(each, T0, now)
        moved = [moved_bytes(each, edge, outward=True) for edge in edges]
        assert moved == sorted(moved)


@settings(max_examples=30, deadline=None)
@given(HISTORIES, st.integers(1, 10**13), st.booleans())
def test_no_gpu_is_billed_past_the_last_cent(acts, pico_usd, runpod):
    """However late one looks: when the money is used up, everything that costs by the GPU has ended then."""
    history = History(runpod)
    history.play(acts)
    world, credit = history.world, Decimal(pico_usd) / 10**12
    world.set_credit(credit)
    billed = world.bill_usd()
    history.clock.sleep(400 * 24 * 3600)
    world.end_without_credit()
    gpu = [meter for each in world.all_instances() for meter in meters(each) if meter.name == "gpu"]
    if world.credit_usd() > ZERO:
        return
    ended = max((meter.end for meter in gpu if meter.end is not None), default=T0)
    assert all(meter.end is not None for meter in gpu)
    at_the_end = sum((bill_usd(each, T0, ended) for each in world.all_instances()), ZERO)
    assert at_the_end <= max(billed, billed + credit) + Decimal("1e-6")


def test_what_an_engine_sends_is_metered_and_counted(rig, emulator):
    instance_id = emulator.rent()
    emulator.pass_time(24 * 3600)
    before = emulator.bill()["instances"][0]
    rig.traffic("vast", str(instance_id), size_gb=Decimal(10), seconds=1000)
    emulator.pass_time(250)
    after = emulator.bill()["instances"][0]
    assert after["sent_bytes"] - before["sent_bytes"] == 2_500_000_000
    assert after["received_bytes"] == before["received_bytes"] > 10**10  # image and weights
    line = next(line for line in after["lines"] if line["meter"] == "upload")
    shown = emulator.show(instance_id)
    assert Decimal(line["usd"]) == pytest.approx(
        Decimal("2.5") * Decimal(str(shown["inet_up_cost"])), abs=Decimal("1e-9")
    )
