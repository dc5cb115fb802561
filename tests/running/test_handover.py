"""What an `up` that was killed rented is finished by whoever sees it answer: ready, and its address written."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest

from cloudgpu.base.secret import Secret
from cloudgpu.cli import awake as awake_room
from cloudgpu.cli.awake import awake
from cloudgpu.moving import address
from cloudgpu.running.deployment import DeploymentState, refresh
from cloudgpu.running.deployment.coming_back import ready_when_it_answers
from cloudgpu.running.health import Health
from cloudgpu.running.records import Service


@pytest.fixture
def session(desk, monkeypatch):
    answering = partial(ready_when_it_answers, prober=lambda *_: Health(ready=True, phase="ready", detail=""))
    monkeypatch.setattr(awake_room, "ready_when_it_answers", answering)
    desk.store.save_service(Service(name="mistral", api_key=Secret("sk-service"), serving=None))
    return SimpleNamespace(
        store=desk.store, provider=lambda name: desk.provider, clock=lambda name: desk.clock, emit=desk.store.append,
        settings=SimpleNamespace(state_dir=desk.path),
    )  # fmt: skip


@pytest.fixture
def loading(desk):
    """Rented by an `up` that was killed while its engine loaded."""
    return kept(desk, replace(desk.up(), ready_at=None, state=DeploymentState.LOADING))


def kept(desk, deployment):
    desk.store.save_deployment(deployment)
    return deployment


def test_what_a_killed_up_left_loading_gets_its_address_as_soon_as_it_answers(session, desk, loading, capsys):
    assert awake(session, loading).state is DeploymentState.READY
    written = address.read("mistral", desk.path)
    assert (written.deployment, written.base_url) == ("mistral", f"{loading.endpoint}/v1")
    assert desk.store.service("mistral").serving == "mistral"
    assert "its address is in" in capsys.readouterr().err


def test_what_was_ready_when_its_up_was_killed_gets_its_address_at_the_next_look(session, desk):
    ready = desk.up()
    awake(session, ready)
    assert address.read("mistral", desk.path).deployment == "mistral"


def test_an_up_that_is_at_work_writes_the_address_itself(session, desk):
    ready = desk.up()
    with desk.store.lock("deployment:mistral", "up mistral"):
        awake(session, ready)
    assert address.read("mistral", desk.path) is None


def test_a_service_that_another_deployment_serves_keeps_its_address(session, desk, loading):
    kept(desk, replace(loading, name="other", token="t-other", state=DeploymentState.READY))
    desk.store.save_service(Service(name="mistral", api_key=Secret("sk-service"), serving="other"))
    awake(session, loading)
    assert address.read("mistral", desk.path) is None
    assert desk.store.service("mistral").serving == "other"


def test_a_side_of_an_open_migration_is_left_to_the_migration(session, desk, loading):
    desk.store.open_migration = lambda service: {"service": service}
    assert awake(session, loading).state is DeploymentState.READY
    assert address.read("mistral", desk.path) is None


def test_what_comes_back_on_another_port_is_followed(session, desk, loading):
    awake(session, loading)
    moved = kept(desk, replace(loading, endpoint="http://203.0.113.7:42000"))
    awake(session, moved)
    assert address.read("mistral", desk.path).base_url == "http://203.0.113.7:42000/v1"


def test_a_port_that_changed_while_nobody_looked_is_followed_once_the_engine_answers_there(session, desk):
    ready = desk.up()
    awake(session, ready)
    desk.provider.machines[ready.instance_id].port = 42000  # started anew, and running again, between two looks
    seen = refresh(ready, desk.provider, desk.store, desk.clock, desk.store.append)
    assert (seen.state, seen.endpoint) == (DeploymentState.LOADING, "http://203.0.113.7:42000")
    assert awake(session, seen).state is DeploymentState.READY
    assert address.read("mistral", desk.path).base_url == "http://203.0.113.7:42000/v1"


def test_an_address_that_cannot_be_written_is_said_with_what_it_costs(session, desk, loading):
    (desk.path / "services").write_text("in the way")
    with pytest.raises(Exception, match="answers and bills"):
        awake(session, loading)
