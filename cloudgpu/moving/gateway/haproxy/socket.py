"""HAProxy's two sockets: commands to the worker and to the master, and what they answer."""

import csv
import socket
from dataclasses import dataclass
from pathlib import Path

from cloudgpu.base.errors import BadAnswerError

_ANSWER_S = 30.0
_REPAIR = "cloudgpu gateway start repairs it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One process of HAProxy's. `is_old`: a reload has replaced it, and it finishes what it began."""

    pid: int
    is_old: bool


def ask(path: Path, *commands: str) -> str:
    """What the socket answers to these commands, in one exchange. Raises OSError when nobody does, or not wholly."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_ANSWER_S)
        line.connect(str(path))
        line.sendall("; ".join(commands).encode() + b"\n")
        line.shutdown(socket.SHUT_WR)  # the master's socket would wait for more
        said = b"".join(iter(lambda: line.recv(65536), b""))
    if not said:
        raise ConnectionError(f"{path} was closed without a word")
    return said.decode("utf-8", "replace")


def order(path: Path, *commands: str) -> None:
    """Send commands that answer with an empty line when they are obeyed.

    Raises BadAnswerError with HAProxy's own words, or when it does not answer.
    """
    try:
        said = ask(path, *commands).strip()
    except OSError as error:
        raise BadAnswerError(f"HAProxy does not answer: {error}", hint=_REPAIR) from error
    if said:
        raise BadAnswerError(f"HAProxy refuses: {said.splitlines()[0]}", hint=_REPAIR)


def description(path: Path) -> str:
    """The `description` of the running configuration. Raises OSError when nothing runs."""
    lines = ask(path, "show info").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("description:")), "")


def statistics(text: str) -> list[dict[str, str]]:
    """The rows of `show stat`."""
    return list(csv.DictReader(text.removeprefix("# ").strip().splitlines()))


def processes(path: Path) -> tuple[int, tuple[Worker, ...]]:
    """The master's process id, and its workers, from the master's socket. Raises OSError when nothing runs."""
    master, workers, old = None, [], False
    for line in ask(path, "show proc").splitlines():
        words = line.split()
        old = old or line.startswith("# old workers")
        if len(words) >= 2 and words[0].isdigit():
            if words[1] == "master":
                master = int(words[0])
            elif words[1] == "worker":
                workers.append(Worker(pid=int(words[0]), is_old=old))
    if master is None:
        raise ConnectionError(f"{path} tells of no master")
    return master, tuple(workers)
