"""Whatever ends a command, the doubt that it leaves behind is told by it and by every later one."""

import contextlib
import os
import signal
import sys
import time

import pytest

from cloudgpu.base.errors import CleanupFailedError, ConflictError, StoreError
from cloudgpu.running.records import DeploymentState
from cloudgpu.running.store import Store


def test_a_journal_that_fails_at_the_end_does_not_hide_that_something_may_bill(desk, monkeypatch):
    deployment = desk.up()

    def full(*_):
        raise StoreError("the journal is full")

    monkeypatch.setattr(desk.store, "save_deployment", full)
    monkeypatch.setattr(desk.store, "append", full)
    monkeypatch.setattr(desk.store._locks, "_release", full)
    with pytest.raises(CleanupFailedError) as told:
        desk.down(deployment)
    assert told.value.exit_status == 6
    assert deployment.instance_id in told.value.message


def test_a_lock_is_held_as_long_as_its_process_lives(tmp_path):
    url = f"sqlite:///{tmp_path / 'cloudgpu.db'}"
    store = Store(url)
    assert not store.is_locked("deployment:a")
    with store.lock("deployment:a", "up a"):
        assert store.is_locked("deployment:a")
    assert not store.is_locked("deployment:a")
    holder = _holder(url)
    _until(lambda: store.is_locked("deployment:a"))
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    assert not store.is_locked("deployment:a")
    store.close()


@pytest.mark.parametrize("state", [DeploymentState.CREATING, DeploymentState.DESTROYING])
def test_what_a_killed_command_left_half_done_is_told_by_the_next_one_and_what_a_living_one_does_is_not(
    desk, monkeypatch, state
):
    from dataclasses import replace

    from cloudgpu.cli import session as sessions

    deployment = desk.up()
    desk.store.save_deployment(replace(deployment, state=state))
    seen = type("Seen", (), {})()
    seen.store, seen.has_read = desk.store, True
    monkeypatch.setattr(sessions, "_opened", [seen])
    assert "mistral may still bill at paper" in sessions.unsettled()[0]
    with desk.store.lock("deployment:mistral", "down mistral"):
        assert sessions.unsettled() == []


@pytest.mark.parametrize("cut_at", ["_release", "hold"])
def test_a_lock_that_this_process_could_not_give_back_vouches_for_nothing(tmp_path, monkeypatch, cut_at):
    store = Store(f"sqlite:///{tmp_path / 'cloudgpu.db'}")
    if cut_at == "_release":  # a full disk
        monkeypatch.setattr(store._locks, "_release", _full)
    else:  # a Ctrl-C just after the lock is on disk
        take = store._locks._take
        monkeypatch.setattr(store._locks, "_take", lambda *name: _ctrl_c(take(*name)))
    with contextlib.suppress(KeyboardInterrupt), store.lock("deployment:a", "gc of a"):
        assert store.is_locked("deployment:a")
    assert not store.is_locked("deployment:a")
    monkeypatch.undo()
    with store.lock("deployment:a", "down a"), pytest.raises(ConflictError):
        Store(f"sqlite:///{tmp_path / 'cloudgpu.db'}")._locks._take("deployment:a", "up a")
    store.close()


def _holder(url):
    pid = os.fork()
    if pid == 0:
        with Store(url).lock("deployment:a", "up a"):
            time.sleep(60)
        sys.exit(0)
    return pid


def _until(true):
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_was_rented_by_a_clock_two_hours_ahead_can_still_be_proved_gone(desk):
    desk.set_time(7200)
    deployment = desk.up()
    desk.set_time(-7200)
    desk.provider.machines[deployment.instance_id].destroyed = True  # by hand, at the console
    assert desk.down(deployment).state is DeploymentState.GONE


def test_a_ctrl_c_after_the_end_is_proved_says_nothing_of_what_may_bill(desk, monkeypatch):
    deployment = desk.up()
    monkeypatch.setattr("cloudgpu.running.deployment.down.read_bill_at_the_end", _ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        desk.down(deployment)
    assert desk.provider.billing() == []


def test_a_ctrl_c_at_what_was_never_asked_for_says_nothing_of_what_may_bill(desk, monkeypatch):
    from dataclasses import replace

    intended = replace(desk.up(), state=DeploymentState.INTENDED, token="cloudgpu-intended", instance_id=None)
    desk.store.save_deployment(intended)
    monkeypatch.setattr("cloudgpu.running.deployment.down.settle", _ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        desk.down(intended)


def test_the_states_that_a_file_is_settled_in_are_those_of_the_records():
    from cloudgpu.running.journal_file import _SETTLED

    assert {state.value for state in DeploymentState if not state.is_unsettled} == _SETTLED


def _ctrl_c(*_):
    raise KeyboardInterrupt


def test_on_a_disk_that_takes_nothing_doubt_is_told_all_the_same(desk, monkeypatch):
    from dataclasses import replace

    from cloudgpu.base.settings import read_settings
    from cloudgpu.cli import session as sessions

    desk.store.save_deployment(replace(desk.up(), state=DeploymentState.CREATING))
    url = f"sqlite:///{desk.path / 'cloudgpu.db'}"
    session = sessions.Session(read_settings({"HOME": str(desk.path), "CLOUDGPU_STORE": url}))
    session.__dict__["store"] = type("Full", (), {"deployments": _full, "stands_in": False})()
    session._opened_store = True
    monkeypatch.setattr(sessions, "_opened", [session])
    assert "something may still bill" in sessions.unsettled()[0]


def _full(*_):
    raise StoreError("the journal is full")
