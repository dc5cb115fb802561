"""What `doctor` says of Docker: a daemon that nobody asked for is no trouble, one that somebody named is."""

import dataclasses

import pytest

from cloudgpu.base.settings import docker_settings, read_settings
from cloudgpu.cli.doctor.check import Verdict
from cloudgpu.cli.doctor.docker import docker_checks
from cloudgpu.cli.session import Session
from cloudgpu.running.providers.docker import cards
from tests.running.docker_world import docker_world


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr(cards, "_seen_by_driver", tuple)
    with docker_world() as world:
        yield world


def found(world, alive=(), **more):
    environment = {"DOCKER_HOST": f"unix://{world.daemon.path}", "HOME": "/nowhere"} | more
    settings = dataclasses.replace(read_settings(environment), docker=docker_settings(environment))
    session = Session(settings, {"docker": world.open(more)})
    return [(each.verdict, each.text, each.exit_status) for each in docker_checks(session, alive)]


def test_a_daemon_with_its_cards_and_their_electricity_is_told(world):
    told = found(world, CLOUDGPU_DOCKER_GPUS="2x RTX 3090", CLOUDGPU_DOCKER_USD_PER_KWH="0.30")
    assert [verdict for verdict, _, _ in told] == [Verdict.OK] * 3
    assert told[0][1].startswith("Docker 27.3.1 answers at unix://")
    assert told[2][1].startswith("2x RTX 3090 (CLOUDGPU_DOCKER_GPUS). Electricity at $0.3/kWh")


def test_cards_and_a_runtime_that_nobody_tells_of_want_attention(world):
    world.daemon.info = {"Runtimes": {"runc": {}}}
    told = found(world)
    assert [verdict for verdict, _, _ in told] == [Verdict.OK, Verdict.ATTENTION, Verdict.ATTENTION]
    assert "no GPU" in told[1][1]
    assert "does not tell which cards" in told[2][1]


def test_cards_that_the_daemon_knows_as_cdi_devices_are_counted(world):
    world.daemon.info = {"Runtimes": {}, "DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]}
    assert found(world)[1][:2] == (Verdict.OK, "knows these cards as CDI devices: 0")


@pytest.mark.filterwarnings("ignore:unclosed")
def test_a_daemon_that_somebody_named_and_that_does_not_answer_is_wrong(world):
    world.daemon.fault("version", "close", times=100)
    ((verdict, text, status),) = found(world)
    assert (verdict, status) == (Verdict.WRONG, 5)
    assert "no Docker daemon answers" in text
