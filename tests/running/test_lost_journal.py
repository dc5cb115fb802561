"""A journal that is cut, emptied or gone is restored or refused, and never taken for one in which nothing is rented."""

import os
import sqlite3

import pytest

from cloudgpu.base.errors import NotFoundError, StoreError
from cloudgpu.base.events import Event, EventKind
from cloudgpu.running.deployment import DeploymentState
from cloudgpu.running.label import is_name, read_token
from cloudgpu.running.spare_copy import copy_path, keep_copy, restore
from cloudgpu.running.store import Store
from cloudgpu.running.sweep import Why, sweep


@pytest.fixture
def path(desk):
    return desk.path / "cloudgpu.db"


def reopened(desk, path):
    desk.store.close()
    desk.store = Store(f"sqlite:///{path}")
    return desk.store


def test_a_copy_is_kept_once_something_was_rented_and_is_private(desk, path):
    reopened(desk, path)
    assert not copy_path(path).exists()
    desk.up()
    reopened(desk, path)
    assert os.stat(copy_path(path)).st_mode & 0o077 == 0
    assert sorted(each.name for each in path.parent.iterdir() if ".copy" in each.name) == ["cloudgpu.db.copy"]


@pytest.mark.parametrize("harm", ["gone", "emptied", "cut"])
def test_a_journal_that_was_lost_is_refused_and_restored(desk, path, harm):
    mine = desk.up()
    reopened(desk, path)
    later = desk.up("later")
    desk.store.close()
    whole = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if harm == "emptied" else whole[: len(whole) // 2])
    with pytest.raises(StoreError) as refused:
        Store(f"sqlite:///{path}").deployments()
    assert "cloudgpu doctor --restore-journal" in refused.value.hint
    aside = restore(path)
    assert aside.exists() is (harm != "gone")
    desk.store = Store(f"sqlite:///{path}")
    assert [each.token for each in desk.store.deployments()] == [mine.token]
    (found,) = sweep(desk.provider, desk.store, desk.clock.now())
    assert (found.why, found.view.instance_id) == (Why.UNKNOWN, later.instance_id)


def test_a_copy_that_cannot_be_made_keeps_nobody_from_anything(desk, path, monkeypatch):
    desk.up()
    monkeypatch.setattr(sqlite3, "connect", lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError("disk is full")))
    keep_copy(path)
    assert not list(path.parent.glob("*.copy*"))


def test_without_a_copy_there_is_nothing_to_restore(path):
    with pytest.raises(NotFoundError):
        restore(path)


def test_when_the_disk_is_full_nothing_is_rented(desk, path):
    with sqlite3.connect(path) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.close()
    with desk.store._database.transaction() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    for length in (20_000, 500, 1):
        with pytest.raises(StoreError, match="full"):
            _fill(desk, length)
    with pytest.raises(StoreError, match="full"):
        desk.up()
    assert desk.provider.creates == []


def _fill(desk, length):
    for _ in range(500):
        text = {"text": "x" * length}
        desk.store.append(Event(kind=EventKind.OBSERVED, at=desk.clock.now(), deployment="x", data=text))


NO_NAMES = ["mistral'; DROP TABLE deployments;--", 'a"b', "ünïcode", "模型", "a\x00b", "a\nb", "🦙"]


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_with_quotes_or_unicode_is_no_name_and_no_label_of_ours(name):
    assert not is_name(name)
    assert read_token(f"cloudgpu-1f2e3d4c-{name}-0a1b2c3d4e5f-20260102T0304Z") is None


def test_another_tools_instances_on_the_same_account_are_none_of_our_business(desk, make_offer):
    mine = desk.up()
    for number, label in enumerate((None, "", 'somebody\'s ünïcode "box"', "cloudgpu", "cloudgpu-x-y"), 11):
        desk.provider.offers[str(number)] = make_offer(number)
        desk.provider.create(make_offer(number), None, label)
    assert sweep(desk.provider, desk.store, desk.clock.now()) == []
    desk.down(mine)
    assert len(desk.provider.billing()) == 5


def test_an_instance_that_was_deleted_by_hand_is_gone_after_two_looks_beside_what_else_is_there(desk, make_offer):
    desk.up("other")
    mine = desk.up()
    desk.provider.machines[mine.instance_id].destroyed = True
    assert desk.refresh(mine).state is DeploymentState.READY
    desk.wait(60)
    assert desk.refresh(desk.store.deployment("mistral")).state is DeploymentState.GONE
