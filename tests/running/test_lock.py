"""Who may still live, where the kernel does not tell when a process began."""

import os
import socket
import sqlite3
from contextlib import closing

import pytest

from cloudgpu.base.errors import ConflictError
from cloudgpu.running import lock
from cloudgpu.running.store import Store


@pytest.mark.parametrize(("noted", "tells"), [("1", False), ("", False), ("", True)])
def test_a_lock_is_not_taken_from_a_process_of_which_the_kernel_tells_nothing(tmp_path, monkeypatch, noted, tells):
    """Another user's where /proc hides those; or no file could be opened any more, now or when it took the lock."""
    with closing(Store(f"sqlite:///{tmp_path / 'journal.db'}")) as store:
        with closing(sqlite3.connect(tmp_path / "journal.db")) as journal, journal:
            journal.execute(
                "INSERT INTO locks (name, owner, host, pid, started, since) VALUES ('a', 'up', ?, ?, ?, 'noon')",
                (socket.gethostname(), os.getppid(), noted),
            )
        if not tells:
            monkeypatch.setattr(lock, "_stat", lambda pid: [])
        with pytest.raises(ConflictError, match=str(os.getppid())), store.lock("a", "down"):
            pass
