"""Reports read the events of a journal file directly; they are the same events that the store tells."""

import os
import resource
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudgpu.base.clock import parse_utc
from cloudgpu.base.errors import StoreError
from cloudgpu.base.events import Event, EventKind
from cloudgpu.running.journal_file import file_events, file_in_doubt, file_in_memory, file_looks
from cloudgpu.running.store import Store
from tests.no_power import obey_permissions

MOMENTS = st.datetimes().map(lambda moment: parse_utc(moment.isoformat() + "+00:00"))
TEXTS = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
DATA = st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=5), max_size=3)
EVENTS = st.builds(
    Event, kind=st.sampled_from(EventKind), at=MOMENTS, deployment=TEXTS, provider=TEXTS, token=TEXTS,
    instance_id=TEXTS, data=DATA,
)  # fmt: skip


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'a folder' / 'journal #1.db'}"


@settings(max_examples=20, deadline=None)
@given(st.lists(EVENTS, max_size=6))
def test_both_ways_of_reading_tell_the_same(tmp_path_factory, events):
    url = f"sqlite:///{tmp_path_factory.mktemp('journal') / 'journal.db'}"
    store = Store(url)
    for event in events:
        store.append(event)
    assert file_events(url) == store.events() == events
    store.close()


def test_before_its_first_use_a_journal_has_no_events_and_none_is_made(url, tmp_path):
    assert file_events(url) == []
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_is_gone_though_a_copy_of_it_is_left_is_not_taken_for_one_before_its_first_use(url):
    path = Path(_made(url.removeprefix("sqlite:///")))
    Store(url).close()
    path.unlink()
    assert path.with_name(f"{path.name}.copy").exists()
    assert (file_events(url), file_looks(url), file_in_doubt(url)) == (None, None, None)
    with pytest.raises(StoreError, match="is gone"):
        Store(url)


def test_another_layout_damage_and_a_server_are_left_to_the_store(url, tmp_path):
    Store(url).close()
    assert file_events(url) == []
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE about SET value = '99' WHERE name = 'schema_version'")
    assert file_events(url) is None
    assert file_events("postgresql+psycopg://host/cloudgpu") is None
    assert file_events(f"{url}?timeout=30") is None
    assert file_events("sqlite:///:memory:") is None
    (tmp_path / "broken.db").write_bytes(b"no database at all, but a long enough text" * 50)
    assert file_events(f"sqlite:///{tmp_path / 'broken.db'}") is None


def test_on_a_disk_without_room_doubt_can_still_be_read(url):
    path = url.removeprefix("sqlite:///")
    killed = os.fork()
    if killed == 0:  # ends without folding its last words into the file
        connection = sqlite3.connect(_made(path), isolation_level=None)
        connection.execute("UPDATE deployments SET state = 'creating'")
        os._exit(0)
    os.waitpid(killed, 0)
    reader = os.fork()
    if reader == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        os._exit(6 if file_in_doubt(url) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]) == 6


def test_in_a_folder_that_may_only_be_read_everything_can_still_be_read(url):
    path = Path(_made(url.removeprefix("sqlite:///")))
    store = Store(url)
    store.append(Event(kind=EventKind.OBSERVED, at=parse_utc("2026-03-01T00:00:00Z"), data={}))
    store.close()
    assert not list(path.parent.glob("*-wal"))  # it was closed well, so SQLite wants to make its files anew
    path.parent.chmod(0o555)
    reader = os.fork()
    if reader == 0:
        obey_permissions()
        copy = file_in_memory(url)
        whole = copy and copy.execute("SELECT token FROM deployments").fetchall() == [("token",)]
        os._exit(6 if whole and file_in_doubt(url) is False and len(file_events(url) or ()) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]) == 6
    path.parent.chmod(0o755)


def _made(path):
    """A journal with one deployment."""
    Store(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO deployments VALUES ('token', 'a', 'ready', '2026-03-01T00:00:00Z', '{}')")
    return path
