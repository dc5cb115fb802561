"""A command of the user's that is told when the address moved. The move stands whatever the command does."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

HOOK_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HookResult:
    """How it ended. `failure` is one sentence, None when it exited with 0; `output` the last lines it printed."""

    command: str
    failure: str | None
    output: str


def run_hook(command: str, variables: Mapping[str, str], limit_s: float = HOOK_LIMIT_S) -> HookResult:
    """Run a shell command with `variables` added to the environment, for `limit_s` real seconds at most.

    Never raises: a command that fails, hangs or does not exist is told of in the result. At the limit the command and
    everything it started is killed.
    """
    try:
        process = _start(command, variables)
    except (OSError, ValueError) as error:
        return HookResult(command=command, failure=f"the hook could not be started: {error}", output="")
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        return HookResult(command=command, failure=f"the hook was stopped after {limit_s:g} s", output=_kill(process))
    except BaseException:
        _kill(process)
        raise
    failure = f"the hook ended with status {process.returncode}" if process.returncode else None
    return HookResult(command=command, failure=failure, output=_tail(output))


def _start(command: str, variables: Mapping[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["/bin/sh", "-c", command],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _kill(process: "subprocess.Popen[str]") -> str:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    output, _ = process.communicate()
    return _tail(output)


def _tail(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-5:])
