"""Work in a thread that nobody waits for at exit: an endpoint that hangs must not hold the program."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def spawn(work: Callable[[], T]) -> Future[T]:
    """Begin the work; the future holds what it returns or raises."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, name="bench", daemon=True).start()
    return outcome
