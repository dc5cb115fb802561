"""The market: one seed, one market; prices as on the real one; its oddities always there."""

import json
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import BadFileError
from cloudgpu.emulator.figures import gpu_kinds
from cloudgpu.emulator.fleet.machine import asks
from cloudgpu.emulator.fleet.vast import make_machines
from cloudgpu.emulator.world.world import World

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module", params=[1, 2, 77])
def machines(request):
    return make_machines(request.param, NOW)


def test_the_same_seed_draws_the_same_market():
    assert make_machines(5, NOW) == make_machines(5, NOW)
    assert make_machines(5, NOW) != make_machines(6, NOW)


def test_it_has_a_few_hundred_machines_each_with_its_own_id(machines):
    assert 200 <= len(machines) <= 500
    assert len({machine.machine_id for machine in machines}) == len(machines)


def test_the_usual_oddities_are_always_there(machines):
    assert any(m.gpu.gpu_name == "RTX 4090" and m.gpu.gpu_ram_mib == 49140 for m in machines)
    assert any(m.gpu.gpu_name == "H100 SXM" and m.disk_gb == 11 and m.verification == "verified" for m in machines)
    assert any(m.geolocation is None for m in machines)
    assert any(m.geolocation and not m.geolocation.isascii() for m in machines)
    assert any(m.cpu_cores is None for m in machines)
    assert any(m.cuda_max > 100 for m in machines)
    assert any(m.compute_cap == 243 for m in machines)
    assert any(m.verification == "unverified" for m in machines)
    assert any(m.ends_at - NOW < timedelta(hours=7) for m in machines)
    assert any(m.open_ports == 0 for m in machines)


@pytest.mark.parametrize("name", ["RTX 3090", "RTX 4090", "RTX 5090"])
def test_common_cards_cost_about_what_they_cost_on_the_real_market(name):
    kind = next(kind for kind in gpu_kinds() if kind.gpu_name == name)
    drawn = [
        float(m.gpu_usd_per_hour)
        for seed in range(20)
        for m in make_machines(seed, NOW)
        if m.gpu == kind and m.verification == "verified"
    ]
    assert median(drawn) == pytest.approx(kind.usd_per_gpu_hour[2], rel=0.15)


def test_every_figure_names_its_source():
    assert all(kind.source for kind in gpu_kinds())


def test_ids_are_unique_at_any_moment_and_change_within_a_day(machines):
    def ids(now):
        return [ask.ask_id for machine in machines for ask in asks(machine, (), now)]

    today, tomorrow = ids(NOW), ids(NOW + timedelta(days=1))
    assert len(set(today)) == len(today)
    assert not set(today) & set(tomorrow)


@settings(deadline=None)  # a busy machine is no defect
@given(st.integers(0, 300), st.sets(st.integers(0, 15)))
def test_a_rentable_slice_has_free_gpus_only(index, taken):
    machine = make_machines(1, NOW)[index]
    for ask in asks(machine, taken, NOW):
        if ask.rentable:
            assert not set(ask.gpu_indexes) & (taken | set(machine.rented_elsewhere))
            assert len(set(ask.gpu_indexes)) == len(ask.gpu_indexes) <= machine.gpu_count


def test_a_host_lists_its_machine_again_when_its_time_is_over(machines):
    later = NOW + timedelta(days=1000)
    assert all(later <= machine.ends(later) for machine in machines)


def test_a_world_of_another_releases_market_is_refused_not_misread(tmp_path):
    path, clock = tmp_path / "world.json", ManualClock()
    World(path=path, clock=clock, seed=1, reserve_port=lambda: 1)
    state = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**state, "market": "other"}), encoding="utf-8")
    with pytest.raises(BadFileError, match="another release"):
        World(path=path, clock=clock, seed=1, reserve_port=lambda: 1)
