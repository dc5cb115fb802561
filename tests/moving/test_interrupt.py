"""However a command is stopped politely, it ends in the same good order."""

import os
import signal

import pytest

from cloudgpu.cli.interrupt import end_like_ctrl_c


@pytest.fixture(params=[signal.SIGTERM, signal.SIGHUP])
def number(request):
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    yield request.param
    for each, handler in before.items():
        signal.signal(each, handler)


def test_a_closed_terminal_and_a_polite_kill_are_a_ctrl_c(number):
    end_like_ctrl_c()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)


def test_what_is_ignored_stays_ignored(number):
    signal.signal(number, signal.SIG_IGN)
    end_like_ctrl_c()
    os.kill(os.getpid(), number)
    assert signal.getsignal(number) is signal.SIG_IGN
