"""Starts, stops and finds the emulator's background process. A process that is not ours is never touched."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cloudgpu.base.clock import Clock, ManualClock, ScaledClock
from cloudgpu.base.errors import BadAnswerError, BadFileError, CloudgpuError, PortInUseError, UnreachableError
from cloudgpu.base.secret import Secret
from cloudgpu.emulator.folder import EmulatorFolder, emulator_folder, made_folder
from cloudgpu.emulator.standing_clock import StandingClock

DEFAULT_SPEED = 60.0
DEFAULT_SEED = 1
_START_S = 120.0
_STOP_S = 60.0
_POLL_S = 0.02
_ANSWER_S = 30.0
"""For a machine that is busy: who is taken for dead gets a second one beside it."""
_CHILDREN: "dict[int, subprocess.Popen[bytes]]" = {}
"""Emulators that this very process has started: they outlive it, and leave a zombie if they end before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorStatus:
    """An emulator: where it is, its account's key, and the values of its clock.

    `accounts` are those of its world, at Vast.ai and at RunPod, and `opened_at` is when that began. `stopped_at` is
    when on its clock it ended in good order; None: it runs, or was killed.
    """

    url: str
    api_key: Secret
    pid: int
    speed: float
    seed: int
    origin: datetime
    real_origin: datetime
    token: str
    clock_path: Path
    accounts: tuple[str, ...]
    opened_at: datetime
    stopped_at: datetime | None = None

    def clock(self) -> Clock:
        """The emulator's own clock: both sides agree on it to the microsecond. With speed 0 every sleep moves it.

        Of one that was stopped it stands, as its bill does.
        """
        if self.speed == 0:
            return StandingClock(self.clock_path, self.origin)
        if self.stopped_at is not None:
            return ManualClock(self.stopped_at)
        return ScaledClock(origin=self.origin, real_origin=self.real_origin, speed=self.speed)


def start(
    state_dir: Path,
    *,
    port: int = 0,
    speed: float = DEFAULT_SPEED,
    seed: int = DEFAULT_SEED,
    fresh: bool = False,
    fault_file: Path | None = None,
) -> EmulatorStatus:
    """Start it in the background and wait until it answers; one that runs already is returned as it is.

    Port 0 takes the last one again when it is free, else any. `fresh` ends what runs and begins a new world with
    `seed`; otherwise a saved world goes on, with its own seed. Speed 0 is a clock that stands until it is moved;
    `fault_file` a script of faults that a new process begins with. Raises PortInUseError, BadFileError (damaged world,
    wrong script) or CloudgpuError (a folder that cannot be written, or the end of its log).
    """
    running = _live(state_dir)
    if running is not None and not fresh:
        return running
    if running is not None:
        stop(state_dir)
    folder = _writable_folder(state_dir)
    options = ["--port", str(port), "--speed", repr(float(speed)), "--seed", str(seed), *(["--fresh"] if fresh else [])]
    options += [] if fault_file is None else ["--faults", str(fault_file.absolute())]
    return _wait_until_up(state_dir, folder, _spawn(state_dir, folder, options), port)


def stop(state_dir: Path) -> bool:
    """End the emulator in good order; its world is kept and its clock stands still. False when none ran.

    Raises CloudgpuError when it does not end. Only a process that proves to be this emulator is ever ended.
    """
    running = _live(state_dir)
    if running is None:
        return False
    call(running, "POST", "/emulator/stop")
    deadline = time.monotonic() + _STOP_S
    while _alive(running.pid):
        if time.monotonic() > deadline:
            raise CloudgpuError(f"the emulator (process {running.pid}) does not end", hint="end that process yourself")
        time.sleep(_POLL_S)
    return True


def status(state_dir: Path) -> EmulatorStatus | None:
    """The emulator of a state directory as it last ran; None when it never did. Asks no process: see `is_alive`."""
    folder = emulator_folder(state_dir)
    note = folder.note()
    if note is None:
        return None
    return EmulatorStatus(
        url=note.url,
        api_key=Secret(folder.api_key()),
        pid=note.pid,
        speed=note.speed,
        seed=note.seed,
        origin=note.origin,
        real_origin=note.real_origin,
        token=note.token,
        clock_path=folder.clock,
        accounts=note.accounts,
        opened_at=note.opened_at,
        stopped_at=note.stopped_at,
    )


def is_alive(last: EmulatorStatus) -> bool:
    """Whether it runs now: what answers at its address must know the token that it wrote down, or it is a stranger."""
    _reap()
    try:
        _, answer = _http(last.url, "GET", "/emulator/identity", {}, None)
    except (OSError, ValueError):
        return False
    return answer.get("token") == last.token


def call(
    running: EmulatorStatus,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    refusal: type[CloudgpuError] = BadAnswerError,
) -> dict[str, Any]:
    """One of the emulator's own routes (`/emulator/…`).

    Raises UnreachableError or BadAnswerError, and `refusal` when the emulator says no.
    """
    headers = {"Authorization": f"Bearer {running.api_key.reveal()}", "Content-Type": "application/json"}
    try:
        code, answer = _http(running.url, method, path, headers, None if body is None else json.dumps(body))
    except OSError:
        raise UnreachableError("the emulator does not answer", hint="start it with `cloudgpu emulator start`") from None
    except ValueError:
        raise BadAnswerError(f"the emulator's answer to {path} cannot be read") from None
    if code != 200:
        raise refusal(str(answer.get("msg", f"the emulator answered {path} with {code}")))
    return answer


def _writable_folder(state_dir: Path) -> EmulatorFolder:
    try:
        folder = made_folder(state_dir)
        folder.log.touch()
    except OSError as error:
        raise CloudgpuError(
            f"the emulator cannot keep its world in {state_dir / 'emulator'}: {error.strerror or error}",
            hint="make room or make it writable, or set XDG_STATE_HOME to a folder of yours",
        ) from None
    return folder


def _spawn(state_dir: Path, folder: EmulatorFolder, options: list[str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "cloudgpu.emulator", "serve", "--state-dir", str(state_dir), *options]
    with folder.log.open("wb") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=Path.home().anchor
        )
    _CHILDREN[child.pid] = child
    return child


def _wait_until_up(
    state_dir: Path, folder: EmulatorFolder, child: "subprocess.Popen[bytes]", port: int
) -> EmulatorStatus:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        running = _live(state_dir)
        if running is not None and (running.pid == child.pid or child.poll() is not None):
            return running
        if child.poll() is not None:
            raise _death(folder, port)
        time.sleep(_POLL_S)
    child.terminate()
    raise CloudgpuError("the emulator did not answer in time", hint=f"its log: {folder.log}")


def _death(folder: EmulatorFolder, port: int) -> CloudgpuError:
    tail = folder.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    last = tail[-1] if tail else "it printed nothing"
    code, _, message = last.partition(": ")
    if code == PortInUseError.code:
        return PortInUseError(message, hint=f"choose another one than {port}: `cloudgpu emulator start --port N`")
    if code == BadFileError.code:
        return BadFileError(message, hint="begin a new world with `cloudgpu emulator start --fresh`")
    return CloudgpuError(f"the emulator died at start: {last}", hint=f"its log: {folder.log}")


def _live(state_dir: Path) -> EmulatorStatus | None:
    last = status(state_dir)
    return last if last is not None and is_alive(last) else None


def _http(url: str, method: str, path: str, headers: Mapping[str, str], body: str | None) -> tuple[int, dict[str, Any]]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_ANSWER_S)
    try:
        connection.request(method, path, body=body, headers=dict(headers))
        response = connection.getresponse()
        answer = json.loads(response.read())
    except http.client.HTTPException as error:
        raise ValueError(str(error)) from None
    finally:
        connection.close()
    return response.status, answer if isinstance(answer, dict) else {}


def _alive(pid: int) -> bool:
    """Whether a process of that id runs; a child of ours that has ended counts as gone."""
    _reap()
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _reap() -> None:
    for pid, child in list(_CHILDREN.items()):
        if child.poll() is not None:
            del _CHILDREN[pid]
