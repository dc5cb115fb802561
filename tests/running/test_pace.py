"""Calls keep their distance by what passes, not by what the machine's time is set to."""

import threading
from datetime import timedelta

import pytest
import responses

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.secret import Secret
from cloudgpu.running.providers.http import Http
from cloudgpu.running.providers.turns import Turns, turns_file
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


def test_two_commands_with_one_key_keep_the_distance_together(server, tmp_path):
    clock = ManualClock()
    path = turns_file(tmp_path, "vast", Secret("k"))
    commands = [
        Http("https://provider.example", Secret("k"), clock, {"destroy": 3.0}, explain, turns=Turns(path))
        for _ in range(2)
    ]
    sent_s = []
    for http in commands * 3:
        http.act("DELETE", "/it/", endpoint="destroy", body={})
        sent_s.append(clock.elapsed())
    assert sent_s == [0, 3, 6, 9, 12, 15]
    assert [http.headroom().last_minute for http in commands] == [6, 6]
    assert "k" not in path.stem.split("-")


def test_what_one_command_heard_of_a_used_up_window_holds_the_others_back(tmp_path):
    first, second = Turns(tmp_path / "turns"), Turns(tmp_path / "turns")
    first.close(40.0)
    assert [second.take("list", 0.5, 10.0), first.take("list", 0.5, 10.0)] == [40.0, 40.5]
    second.close(None)
    assert first.take("show", 0.5, 10.0) == 10.0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"list": "soon"}', '{".calls_s": 3, "list": null}'])
def test_a_file_of_turns_that_cannot_be_read_holds_nobody_back(tmp_path, text):
    path = tmp_path / "turns"
    path.write_text(text)
    assert Turns(path).take("list", 0.5, 10.0) == 10.0


def test_what_was_written_before_the_machine_started_anew_holds_nobody_back(tmp_path):
    Turns(tmp_path / "turns").take("list", 0.5, 1_000_000.0)
    assert Turns(tmp_path / "turns").take("list", 0.5, 10.0) == 10.0


def test_where_nothing_can_be_written_each_command_keeps_its_own_distances(tmp_path):
    (tmp_path / "calls").write_text("in the way")
    alone = Turns(tmp_path / "calls" / "turns")
    assert [alone.take("list", 0.5, 10.0) for _ in range(2)] == [10.0, 10.5]


def test_a_command_that_sleeps_with_the_file_in_its_hands_keeps_nobody_waiting(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "turns"
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert Turns(path).take("list", 0.5, 10.0) == 10.0


@pytest.fixture
def server():
    with responses.RequestsMock() as server:
        server.delete("https://provider.example/it/", json={"success": True})
        yield server
