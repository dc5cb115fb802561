"""A port that somebody else has is refused; one that a dying process of ours has is waited for."""

import socket
import threading

import pytest

from cloudgpu.moving.gateway.port import comes_free


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_port_that_stays_taken_is_not_free_whether_waited_for_or_not(taken):
    port = taken.getsockname()[1]
    assert not comes_free("127.0.0.1", port, 0.0)
    assert not comes_free("127.0.0.1", port, 0.2)


def test_a_port_that_is_given_up_meanwhile_comes_free(taken):
    port = taken.getsockname()[1]
    gives_up = threading.Timer(0.2, taken.close)
    gives_up.start()
    assert comes_free("127.0.0.1", port, 30.0)
    gives_up.join()
