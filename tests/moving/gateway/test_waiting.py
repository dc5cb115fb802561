"""What a program of this machine is waited for: a port that a dying process of ours has, and no longer than said."""

import socket
import threading

import pytest

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.moving.gateway.port import is_free
from cloudgpu.moving.gateway.waiting import becomes_so, wait_until


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_port_that_stays_taken_is_not_free_whether_waited_for_or_not(taken):
    port = taken.getsockname()[1]
    assert not becomes_so(lambda: is_free("127.0.0.1", port), 0.0)
    assert not becomes_so(lambda: is_free("127.0.0.1", port), 0.2)


def test_a_port_that_is_given_up_meanwhile_comes_free(taken):
    port = taken.getsockname()[1]
    gives_up = threading.Timer(0.2, taken.close)
    gives_up.start()
    assert becomes_so(lambda: is_free("127.0.0.1", port), 30.0)
    gives_up.join()


def test_what_does_not_come_is_told_with_the_sentence_of_who_waits():
    with pytest.raises(CloudgpuError, match="it does not end"):
        wait_until(lambda: False, 0.0, "it does not end")
