"""Calls keep their distance by what passes, not by what the machine's time is set to."""

import threading
from datetime import timedelta

import pytest
import responses

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.secret import Secret
from cloudgpu.running.providers.http import Http
from cloudgpu.running.providers.vast.errors import explain


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_correction_of_the_time_neither_holds_a_call_back_nor_lets_it_through(server, hours):
    clock = ManualClock()
    http = Http("https://provider.example", Secret("k"), clock, {"destroy": 3.0}, explain)
    http.act("DELETE", "/it/", endpoint="destroy", body={})
    clock.time += timedelta(hours=hours)
    http.act("DELETE", "/it/", endpoint="destroy", body={})
    assert clock.elapsed() == 3.0


def test_threads_get_their_turns_one_after_the_other(server):
    clock = ManualClock()
    http = Http("https://provider.example", Secret("k"), clock, {"destroy": 3.0}, explain)
    threads = [
        threading.Thread(target=http.act, args=("DELETE", "/it/"), kwargs={"endpoint": "destroy", "body": {}})
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert http.headroom().calls == {"destroy": 6}
    assert clock.elapsed() >= 5 * 3.0


@pytest.fixture
def server():
    with responses.RequestsMock() as server:
        server.delete("https://provider.example/it/", json={"success": True})
        yield server
