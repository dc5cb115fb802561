"""The journal: what it returned from is on disk, private, whole, and one process at a time moves a thing."""

import contextlib
import dataclasses
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from cloudgpu.base.errors import ConflictError, StoreError
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.secret import Secret
from cloudgpu.cli.agreement import service_of
from cloudgpu.running.database import Database
from cloudgpu.running.label import is_name, new_token, read_token
from cloudgpu.running.records import Deployment, DeploymentState, Service
from cloudgpu.running.schema import locks
from cloudgpu.running.store import Store
from cloudgpu.serving.launch import HealthCheck

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "cloudgpu" / "cloudgpu.db"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request, path):
    """A journal that nobody made yet, on either database."""
    if request.param == "sqlite":
        return f"sqlite:///{path}"
    return request.getfixturevalue("postgresql")()


@pytest.fixture
def file_store(path):
    store = Store(f"sqlite:///{path}")
    yield store
    store.close()


@pytest.fixture
def store(url):
    store = Store(url)
    yield store
    store.close()


def deployment(token="cloudgpu-t", state=DeploymentState.READY, **more):
    return dataclasses.replace(_READY, token=token, state=state, **more)


_READY = Deployment(
    name="mistral", service="mistral", token="cloudgpu-t", provider="vast", account="1", model="org/model",
    short_name="mistral", plan_id=None, gpu="RTX 4090", gpu_count=1, gpu_memory_mib=24564,
    disk_gb=40, offer_id="7", machine_id="8",
    location=None, state=DeploymentState.READY, gpu_usd_per_hour=Decimal("0.300000000001"),
    disk_usd_per_hour=Decimal("0.01"), download_usd=Decimal("0.2"), since=NOON, lease_until=None,
    health=HealthCheck(port=8000, path="/health", model_id="org/model"), instance_id="9",
)  # fmt: skip


def event(number):
    return Event(kind=EventKind.OBSERVED, at=NOON, deployment="mistral", token="t", data={"number": number})


def test_a_deployment_comes_back_as_it_was_saved(store):
    saved = deployment(ready_at=NOON, missing_since=NOON, last_error="no", endpoint="http://x:1")
    store.save_deployment(saved)
    assert store.life(saved.token) == saved


@given(gpu=st.decimals(0, 10**6, places=12), disk=st.decimals(0, 10**6, places=12))
def test_no_digit_of_a_price_is_lost(gpu, disk):
    saved = deployment(gpu_usd_per_hour=gpu, disk_usd_per_hour=disk)
    assert Deployment.from_body(saved.as_body()) == saved


def test_events_come_back_in_order_and_by_deployment(store):
    for number in range(5):
        store.append(event(number))
    store.append(dataclasses.replace(event(9), deployment="other"))
    assert [e.data["number"] for e in store.events("mistral")] == [0, 1, 2, 3, 4]
    assert len(store.events()) == 6


def test_the_living_one_of_a_name_is_found_before_those_that_are_gone(store):
    store.save_deployment(deployment("a", DeploymentState.READY))
    store.save_deployment(deployment("b", DeploymentState.GONE, since=NOON.replace(hour=13)))
    assert store.deployment("mistral").token == "a"
    assert [d.token for d in store.deployments()] == ["a"]
    assert [d.token for d in store.deployments(include_gone=True)] == ["a", "b"]


def test_saving_again_changes_the_row_and_adds_none(store):
    store.save_deployment(deployment())
    store.save_deployment(deployment(state=DeploymentState.GONE))
    assert [d.state for d in store.deployments(include_gone=True)] == [DeploymentState.GONE]


def test_a_service_keeps_its_key(store):
    store.save_service(Service(name="mistral", api_key=Secret("sk-1"), serving=None))
    store.save_service(Service(name="mistral", api_key=Secret("sk-1"), serving="mistral"))
    assert store.service("mistral").api_key.reveal() == "sk-1"
    assert store.service("mistral").serving == "mistral"
    assert store.service("nobody") is None


def test_a_service_that_two_make_at_once_has_one_key(store, url, monkeypatch):
    other = Store(url)
    monkeypatch.setattr(other, "service", lambda name: None)  # it looked before the first one wrote
    first, second = (service_of(SimpleNamespace(store=each), "mistral") for each in (store, other))
    assert first.api_key.reveal() == second.api_key.reveal() == store.service("mistral").api_key.reveal()
    other.close()


def test_making_a_service_again_leaves_what_it_serves(store):
    store.save_service(Service(name="mistral", api_key=Secret("sk-1"), serving="mistral"))
    kept = store.first_service(Service(name="mistral", api_key=Secret("sk-2"), serving=None))
    assert (kept.api_key.reveal(), kept.serving) == ("sk-1", "mistral")


def test_a_migration_is_open_until_it_is_stable_or_aborted(store):
    store.save_migration("m-1", "mistral", "promoted", {"x": 1})
    assert store.open_migration("mistral")["id"] == "m-1"
    store.save_migration("m-1", "mistral", "stable", {"x": 2})
    assert store.open_migration("mistral") is None
    assert store.migration("m-1")["x"] == 2


def test_the_file_is_private_and_so_is_its_folder(file_store, path):
    file_store.append(event(1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for beside in path.parent.iterdir():
        assert stat.S_IMODE(beside.stat().st_mode) & 0o077 == 0


def test_a_file_that_was_opened_to_all_is_made_private_again(path):
    Store(f"sqlite:///{path}").close()
    path.chmod(0o644)
    Store(f"sqlite:///{path}").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_corrupt_journal_is_one_clear_error(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match=r"cloudgpu\.db cannot be used"):
        Store(f"sqlite:///{path}")


def test_a_journal_that_may_only_be_read_is_whole_and_no_copy_is_offered(file_store, path, monkeypatch):
    file_store.close()
    monkeypatch.chdir(path.parent)  # the folder of the address, which is made, begins with `file:`
    with pytest.raises(StoreError, match="readonly database") as refusal:
        Store(f"sqlite:///file:{path}?mode=ro&uri=true").append(event(1))
    assert "it is whole" in refusal.value.hint


def test_a_journal_of_another_layout_is_refused(file_store, path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE about SET value = '99' WHERE name = 'schema_version'")
    connection.close()
    with pytest.raises(StoreError, match="layout 99"):
        Store(f"sqlite:///{path}")


def test_a_journal_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be used"):
        Store(f"sqlite:///{tmp_path / 'file' / 'cloudgpu.db'}")


def test_a_damaged_row_is_one_clear_error(file_store, path):
    file_store.save_deployment(deployment())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE deployments SET body = '{}'")
    connection.close()
    with pytest.raises(StoreError, match="cannot be read"):
        file_store.deployments()


def test_a_url_that_is_none_is_one_clear_error():
    with pytest.raises(StoreError):
        Store("nonsense")


def test_a_password_in_the_url_is_not_shown():
    with pytest.raises(StoreError) as caught:
        Store("postgresql+nothing://user:hunter2@localhost/db")
    assert "hunter2" not in str(caught.value)


def test_a_lock_names_its_holder_and_waits_for_nobody(store, url):
    other = Store(url)
    with (
        store.lock("deployment:mistral", "up mistral"),
        pytest.raises(ConflictError, match="up mistral"),
        other.lock("deployment:mistral", "down mistral"),
    ):
        pass
    with other.lock("deployment:mistral", "down mistral"):
        pass
    other.close()


def test_the_holder_may_enter_again(store):
    with store.lock("a", "first"), store.lock("a", "second"):
        pass
    with store.lock("a", "third"):
        pass


def test_a_lock_is_let_go_when_the_block_fails(store):
    with pytest.raises(ValueError, match="x"), store.lock("a", "first"):
        raise ValueError("x")
    with store.lock("a", "second"):
        pass


HOLDER = """
import sys, time
from cloudgpu.running.schema import locks
from cloudgpu.running.store import Store
store = Store(sys.argv[1])
with store.lock("deployment:mistral", "up mistral"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_lock_of_a_killed_process_is_taken_over_and_of_a_living_one_is_not(store, url):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConflictError, match=str(holder.pid)), store.lock("deployment:mistral", "down"):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with store.lock("deployment:mistral", "down"):
        pass


@pytest.mark.slow
def test_a_server_that_has_not_yet_read_of_its_clients_death_is_waited_for(postgresql):
    url = postgresql()
    store, database = Store(url), Database(url)
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, check=True)
    with database.transaction() as connection:
        connection.execute(
            insert(locks).values(
                name="deployment:mistral", owner="up", host=socket.gethostname(), pid=int(dead.stdout), started="1",
                since="2026-03-01T12:00:00Z",
            )
        )  # fmt: skip
    guard = database.guard("deployment:mistral")
    has_read = threading.Event()
    reads_of_it = threading.Timer(0.3, lambda: (has_read.set(), database.let_go(guard)))
    reads_of_it.start()
    with store.lock("deployment:mistral", "down"):
        assert has_read.is_set()
    reads_of_it.join()
    database.close()
    store.close()


def test_a_later_process_with_the_number_of_the_holder_that_died_holds_nothing(file_store, path):
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "owner": "up", "since": "2026-03-01T12:00:00Z"}
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO locks (name, owner, host, pid, started, since)"
            " VALUES ('deployment:mistral', :owner, :host, :pid, '1', :since)", holder,
        )  # fmt: skip
    connection.close()
    with file_store.lock("deployment:mistral", "down"):
        pass


FORKED = """
import os, sys
from cloudgpu.base.errors import ConflictError
from cloudgpu.running.store import Store
with Store(sys.argv[1]).lock("deployment:mistral", "up"):
    if os.fork() == 0:
        try:
            with Store(sys.argv[1]).lock("deployment:mistral", "down"):
                os._exit(1)
        except ConflictError as refused:
            os._exit(0 if str(os.getppid()) in str(refused) else 2)
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_what_is_forked_from_the_holder_is_another_process(store, url):
    assert subprocess.run([sys.executable, "-c", FORKED, url], check=False).returncode == 0


def test_a_lock_is_not_taken_from_a_process_of_this_machine_that_lives(store, url):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConflictError, match=str(holder.pid)) as refused:
            store.unlock("deployment:mistral")
        assert "--unlock" not in refused.value.hint
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert store.unlock("deployment:mistral")
    assert not store.unlock("deployment:mistral")


def test_a_lock_of_another_machine_can_be_removed(file_store, path):
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO locks VALUES ('deployment:mistral', 'up', 'elsewhere', 1, '1', 'noon', 'anna')")
    connection.close()
    with pytest.raises(ConflictError) as met, file_store.lock("deployment:mistral", "down"):
        pass
    assert "cloudgpu gc --unlock deployment:mistral" in met.value.hint
    assert file_store.unlock("deployment:mistral")


WRITER = """
import sys
from datetime import datetime, UTC
from cloudgpu.base.events import Event, EventKind
from cloudgpu.running.schema import locks
from cloudgpu.running.store import Store
store = Store(sys.argv[1])
for number in range(100000):
    store.append(Event(kind=EventKind.OBSERVED, at=datetime.now(UTC), deployment="w", data={"number": number}))
    print(number, flush=True)
"""


def test_what_was_acknowledged_before_a_kill_is_there_after_it(store, url):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(20):
            writer.stdout.readline()
    finally:
        writer.kill()
        acknowledged = 19 + len(writer.stdout.read().splitlines())
        writer.wait()
        writer.stdout.close()
    numbers = [e.data["number"] for e in store.events("w")]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= acknowledged


def test_two_processes_may_append_at_once(store, url):
    code = WRITER.replace("100000", "40")
    writers = [subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.DEVNULL) for _ in "ab"]
    assert [writer.wait(timeout=300) for writer in writers] == [0, 0]
    assert len(store.events("w")) == 80


def test_a_token_is_read_back_and_only_in_its_exact_form():
    token = new_token("1f2e3d4c", "qwen-14b", NOON)
    read = read_token(token)
    assert (read.store, read.name, read.lease_until) == ("1f2e3d4c", "qwen-14b", NOON.replace(second=0, microsecond=0))
    for other in (None, "", "cloudgpu", token + "x", "x" + token, token.upper(), token.replace("cloudgpu", "mycloud")):
        assert read_token(other) is None


def test_tokens_never_repeat():
    assert len({new_token("1f2e3d4c", "m", NOON) for _ in range(200)}) == 200


@pytest.mark.parametrize("name", ["mistral", "qwen2.5-14b", "a", "x_1"])
def test_names_that_may_be(name):
    assert is_name(name)
    assert read_token(new_token("1f2e3d4c", name, NOON)).name == name


@pytest.mark.parametrize("name", ["", "Mistral", "a b", "-a", "a/b", "x" * 64, "a#1"])
def test_names_that_may_not_be(name):
    assert not is_name(name)


def test_the_store_id_stays(store, url):
    again = Store(url)
    assert again.store_id == store.store_id
    again.close()


def test_a_holder_that_is_dead_but_not_fetched_by_its_parent_does_not_count(store, url):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # dead, and left for its parent to fetch
    _held_in_the_end(store)
    holder.wait()
    holder.stdout.close()


def _held_in_the_end(store):
    """A server on a busy machine takes a moment to notice that a connection is no more."""
    over_at_s = time.monotonic() + 120
    while time.monotonic() < over_at_s:
        with contextlib.suppress(ConflictError), store.lock("deployment:mistral", "down"):
            return
        time.sleep(0.05)
    raise AssertionError("the lock of a dead process is still held after two minutes")


HOLDING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"


@pytest.fixture
def server_store(postgresql):
    store = Store(postgresql())
    yield store
    store.close()


@pytest.mark.slow
def test_a_server_tells_who_of_another_machine_holds_a_lock(postgresql, monkeypatch):
    url = postgresql()
    mine, theirs = Store(url), Store(url)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(socket, "gethostname", lambda: "annas-laptop")
        elsewhere.setattr("getpass.getuser", lambda: "anna")
        held = theirs.lock("deployment:mistral", "up mistral")
        held.__enter__()
    with pytest.raises(ConflictError, match=r"up mistral .*of anna on annas-laptop, since 2") as met:
        mine.lock("deployment:mistral", "down").__enter__()
    assert "within a minute" in met.value.hint
    with pytest.raises(ConflictError):
        mine.unlock("deployment:mistral")
    held.__exit__(None, None, None)
    theirs.close()
    mine.close()


@pytest.mark.slow
def test_who_lost_the_servers_lock_saves_nothing_more(server_store):
    with server_store.lock("deployment:mistral", "up mistral"):
        with server_store._database.transaction() as connection:
            connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid, 120000) FROM ({HOLDING}) AS holder")
        with pytest.raises(StoreError, match="cannot be used"):
            server_store.save_deployment(deployment())
    with server_store.lock("deployment:mistral", "down"):
        server_store.save_deployment(deployment())


@pytest.mark.slow
def test_two_machines_that_make_the_journal_at_once_make_one(postgresql):
    url = postgresql()
    code = "import sys; from cloudgpu.running.store import Store; print(Store(sys.argv[1]).store_id)"
    makers = [subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True) for _ in "ab"]
    assert len({maker.communicate(timeout=300)[0] for maker in makers}) == 1
    assert [maker.returncode for maker in makers] == [0, 0]


def test_a_journal_of_the_first_layout_is_led_to_this_one_and_keeps_what_it_holds(path):
    store = Store(f"sqlite:///{path}")
    store.save_deployment(deployment())
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE locks DROP COLUMN person")
        connection.execute("UPDATE about SET value = '1' WHERE name = 'schema_version'")
    connection.close()
    store = Store(f"sqlite:///{path}")
    with store.lock("deployment:mistral", "up"):
        assert store.deployment("mistral") == deployment()
    store.close()
