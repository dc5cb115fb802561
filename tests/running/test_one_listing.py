"""A command lists a provider once for all that it looks at there; what that lacks gets a listing of its own."""

import dataclasses

import pytest

from cloudgpu.base.settings import read_settings
from cloudgpu.cli import session as sessions
from cloudgpu.cli import status
from cloudgpu.cli.cost import reading
from cloudgpu.cli.looking import look_at
from cloudgpu.cli.session import Session
from cloudgpu.cli.sweeping import look_everywhere
from cloudgpu.running.deployment import DeploymentState, bring_up, refresh
from cloudgpu.running.deployment.shared_listing import MOMENT_S, SharedListing
from cloudgpu.running.deployment.state import APART, SETTLED
from tests.running.emulated import PROVIDERS, World

LISTS = {"vast": "/api/v1/instances/", "runpod": "/v2/pods"}
NAMES = ("a", "b", "c", "d", "e")


class OneProvider(Session):
    """A session whose every provider is the one it is given."""

    def provider(self, name):
        return self.given.provider

    def clock(self, name):
        return self.given.clock


def session_of(given, path):
    made = OneProvider(read_settings({"HOME": str(path), "XDG_STATE_HOME": str(path)}))
    made.__dict__["store"], made.given = given.store, given
    return made


@pytest.fixture(scope="module", params=PROVIDERS)
def market(request, rig, tmp_path_factory):
    """Five deployments at one emulated provider, and a session over them."""
    rig.reset()
    path = tmp_path_factory.mktemp(request.param)
    world = World(request.param, rig, path)
    for name in NAMES:
        rent(world, name)
    world.session = session_of(world, path)
    rig.record()
    yield world
    rig.record(on=False)
    world.store.close()


@pytest.fixture
def rented(market, monkeypatch):
    monkeypatch.setattr(sessions, "open_session", lambda: market.session)
    before = len(market.rig.received())
    market.received = lambda: market.rig.received()[before:]
    return market


def rent(world, name):
    request = dataclasses.replace(world.request("qwen3-0.6b"), name=name, service=name)
    return bring_up(request, **world.tools)


def listings(world):
    """How many listings the provider received in this test."""
    return sum((each.method, each.path) == ("GET", LISTS[world.name]) for each in world.received())


def test_status_of_five_deployments_asks_their_provider_for_one_listing(rented, capsys):
    status.status(offline=False, every=False, as_json=True)
    assert listings(rented) == 1
    assert capsys.readouterr().out.count('"ready"') == len(NAMES)


def test_cost_asks_for_one_listing_for_all_that_it_counts(rented):
    _, _, notes, _ = reading.read(rented.session, offline=False)
    assert (listings(rented), notes) == (1, [])


def test_gc_and_advise_ask_for_one_listing_of_what_is_known_and_one_of_what_is_not(rented):
    found = look_everywhere(rented.session, (rented.name,), vitals=True)
    assert [each.state for each in found.deployments] == [DeploymentState.READY] * len(NAMES)
    assert listings(rented) == 2


def test_one_that_the_listing_lacks_gets_a_listing_of_its_own_at_each_look(rented):
    lost = rent(rented, "lost")
    rented.rig.destroy(rented.name, lost.instance_id)
    before = listings(rented)
    missed = {each.name: each.missing_since for each, _ in look_at(rented.session, rented.store.deployments())}
    assert missed.pop("lost")
    assert (set(missed.values()), listings(rented) - before) == ({None}, 2)
    rented.clock.sleep((APART + SETTLED).total_seconds())
    seen = {each.name: each.state for each, _ in look_at(rented.session, rented.store.deployments())}
    assert (seen.pop("lost"), set(seen.values())) == (DeploymentState.GONE, {DeploymentState.READY})
    assert listings(rented) - before == 4


@pytest.fixture
def asked(desk):
    """When the paper provider was asked for a listing."""
    times = []
    desk.provider.hook = lambda method: times.append(desk.clock.now()) if method == "instances" else None
    return times


@pytest.fixture
def shared(desk):
    return SharedListing(provider=desk.provider, clock=desk.clock)


def test_what_a_shared_listing_lacks_is_gone_by_two_listings_of_its_own_apart_in_time(desk, asked, shared):
    mine, other = desk.up("mistral"), desk.up("qwen")
    desk.wait(300)
    del desk.provider.machines[mine.instance_id]
    shared()
    asked.clear()
    looks = [refresh(mine, *desk.tools.values(), listing=shared) for _ in range(2)]
    assert ([each.state for each in looks], len(asked)) == ([DeploymentState.READY] * 2, 2)
    desk.wait(APART.total_seconds())
    assert refresh(mine, *desk.tools.values(), listing=shared).state is DeploymentState.GONE
    assert asked[-1] - asked[0] >= APART
    assert refresh(other, *desk.tools.values(), listing=shared).state is DeploymentState.READY


def test_a_listing_is_shared_for_a_moment_and_then_asked_for_again(desk, asked, shared):
    desk.up("mistral")
    asked.clear()
    for pause_s in (0, MOMENT_S / 2, MOMENT_S / 4):
        desk.wait(pause_s)
        shared()
    assert len(asked) == 1
    desk.wait(MOMENT_S / 4)
    shared()
    assert len(asked) == 2


def test_a_later_look_rests_on_a_listing_of_its_own(desk, asked, tmp_path):
    desk.given = desk
    session = session_of(desk, tmp_path)
    both = [desk.up("mistral"), desk.up("qwen")]
    asked.clear()
    look_at(session, both)
    look_at(session, both)
    assert len(asked) == 2
