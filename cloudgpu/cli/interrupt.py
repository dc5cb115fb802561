"""A closed terminal and a polite kill end a command as Ctrl-C does: by undoing, or by saying where things stand."""

import signal
from types import FrameType


def end_like_ctrl_c() -> None:
    """From now on SIGTERM and SIGHUP raise KeyboardInterrupt, as SIGINT does.

    A signal that is ignored stays ignored: whoever started the command under `nohup` wants it to outlive the terminal.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
