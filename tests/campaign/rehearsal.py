"""What every command needs, loaded once: in the process from which workers are forked."""

import functools
import gc
import io
import os
import sys
from collections.abc import Mapping
from typing import Any

from cloudgpu.emulator.standing_clock import StandingClock
from tests.campaign.held import UsersClock, on_the_virtual_clock


def rehearse(environment: Mapping[str, str], clock: StandingClock) -> None:
    """Load what commands need, once, so that each fork has it: the program is run for real, unheld, in this process."""
    import _strptime  # noqa: F401 - what datetime loads at its first need

    from typer.main import get_command

    import cloudgpu.cli.main as entry
    from cloudgpu.cli import session

    os.environ.clear()
    os.environ.update(environment)
    entry.app = get_command(entry.app)  # the tree of commands is the same each time
    on_the_virtual_clock(UsersClock(clock))
    _keep_what_the_journal_compiles()
    shown, said = (sys.stdout, sys.stderr), io.StringIO()
    sys.stdout = sys.stderr = said
    try:
        for words in (
            ("up", "qwen3-0.6b", "--provider", "vast", "--yes", "--json"),
            ("down", "--all", "--yes"),
            ("gc",),
            ("status", "--json"),
            ("cost", "--offline", "--json"),
        ):
            sys.argv = ["cloudgpu", *words]
            try:
                entry.main()
            except SystemExit as end:
                if end.code:
                    raise RuntimeError(f"the rehearsal of {words} ends with {end.code}: {said.getvalue()}") from None
            session._opened.pop().store.close()
    finally:
        sys.stdout, sys.stderr = shown
    gc.collect()
    gc.freeze()


def _keep_what_the_journal_compiles() -> None:
    """Its library puts each kind of question together once for an engine: in this process, not in every fork.

    A story's journal is another file at the same place.
    """
    from cloudgpu.running import database

    engine = functools.cache(database._engine)

    def kept(url: str) -> Any:
        path = database.file_of(url)
        if path is not None:
            database._make_private(path)
        return engine(url)

    database._engine = kept
