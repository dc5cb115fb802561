"""The measurement itself: one endpoint, or several in turns, so that whatever changes outside meets all of them.

Calls the endpoints, which costs nothing but their time. Times are real seconds of this machine; the clock that is given
only dates the result.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import BadAnswerError, CloudgpuError, NotFoundError, RefusedKeyError, UnreachableError
from cloudgpu.moving.bench.background import spawn
from cloudgpu.moving.bench.call import Caller, Place
from cloudgpu.moving.bench.endpoint import Endpoint
from cloudgpu.moving.bench.patience import Patience
from cloudgpu.moving.bench.question import Question
from cloudgpu.moving.bench.run import Run, Stage
from cloudgpu.moving.bench.sample import Sample, Trouble
from cloudgpu.moving.bench.workload import Workload

T = TypeVar("T")

STOPPED = "stopped by Ctrl-C"
_GRACE_S = 1.0

OnStage = Callable[[str, int, int], None]
"""Told before each stage: the endpoint's name, how many users (0: one by one), how many requests were made so far."""


def measure(
    endpoints: Sequence[Endpoint], workload: Workload, clock: Clock, on_stage: OnStage = lambda *_: None
) -> tuple[Run, ...]:
    """Measure each endpoint with the same questions, taking turns; one run for each, in their order.

    A first question to each is left out, and raises when it is not answered: RefusedKeyError, NotFoundError for a model
    that it does not serve, UnreachableError or BadAnswerError. Later failures are samples. Ctrl-C, and an endpoint that
    dies or hangs, end the measurement early: the runs hold what was measured until then, and `ended` says why.
    """
    stop = threading.Event()
    sides = [_Side(endpoint) for endpoint in endpoints]
    began_at = clock.now()
    try:
        for side in sides:
            warm_up(side.endpoint, workload, stop)
        for number, (users, turn) in enumerate(workload.rounds()):
            in_turn = sides if number % 2 == 0 else sides[::-1]
            for side in in_turn:
                on_stage(side.endpoint.name, users, side.requests)
                _stage(side, workload, users, turn, stop)
            if any(side.ended for side in sides):
                break
    except KeyboardInterrupt:
        stop.set()
        for side in sides:
            side.patience.over = side.ended or STOPPED
    return tuple(side.run(began_at=began_at) for side in sides)


def warm_up(endpoint: Endpoint, workload: Workload, stop: threading.Event | None = None) -> None:
    """Ask what is left out: it loads what the engine loads late, and says at once what can never work.

    Raises as `measure` says. Calls the endpoint.
    """
    caller = _caller(endpoint, workload, stop or threading.Event())
    place = Place(users=0, turn=-1, slot=0, began=time.perf_counter())
    try:
        for question in workload.warming():
            sample = _all([spawn(partial(caller.ask, question, place))])[0].result()
            if sample.trouble not in (None, Trouble.EMPTY, Trouble.OVERLOADED):
                raise _refused(endpoint, sample)
    finally:
        caller.close()


@dataclass(slots=True)
class _Side:
    endpoint: Endpoint
    stages: list[Stage] = field(default_factory=list)
    rtt_s: float | None = None
    patience: Patience = field(default_factory=Patience)

    @property
    def ended(self) -> str | None:
        return self.patience.over

    @property
    def requests(self) -> int:
        return sum(len(stage.samples) for stage in self.stages)

    def run(self, *, began_at: datetime) -> Run:
        endpoint = self.endpoint
        return Run(
            name=endpoint.name, url=endpoint.url, model=endpoint.model, form=endpoint.form.value, began_at=began_at,
            stages=tuple(self.stages), rtt_s=self.rtt_s, usd_per_hour=endpoint.usd_per_hour, ended=self.ended,
        )  # fmt: skip


def _stage(side: _Side, workload: Workload, users: int, turn: int, stop: threading.Event) -> None:
    """All users of a stage at once. What they have when Ctrl-C comes is kept."""
    asked = workload.asked(users, turn)
    callers = [_caller(side.endpoint, workload, stop) for _ in asked]
    samples: list[Sample] = []
    trips = [each.result() for each in _all([spawn(caller.connect) for caller in callers])]
    side.rtt_s = min((each for each in (*trips, side.rtt_s) if each is not None), default=None)
    began = time.perf_counter()
    try:
        _all([spawn(_User(side, caller, questions, samples, users, turn, began, stop).ask_all)
              for caller, questions in zip(callers, asked, strict=True)])  # fmt: skip
    except KeyboardInterrupt:
        stop.set()
        time.sleep(_GRACE_S)
        raise
    finally:
        duration_s = time.perf_counter() - began
        side.stages.append(Stage(users=users, turn=turn, duration_s=duration_s, samples=_in_order(samples)))
        for caller in callers:
            caller.close()


def _caller(endpoint: Endpoint, workload: Workload, stop: threading.Event) -> Caller:
    return Caller(endpoint, limit_s=workload.limit_s, seed=workload.seed, stop=stop, count_pieces=workload.count_pieces)


@dataclass(frozen=True, slots=True)
class _User:
    side: _Side
    caller: Caller
    questions: Sequence[tuple[int, Question]]
    samples: list[Sample]
    users: int
    turn: int
    began: float
    stop: threading.Event

    def ask_all(self) -> None:
        for slot, question in self.questions:
            if self.stop.is_set() or self.side.ended:
                return
            place = Place(users=self.users, turn=self.turn, slot=slot, began=self.began)
            sample = self.caller.ask(question, place)
            self.samples.append(sample)
            self.side.patience.take(sample)


def _in_order(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=lambda sample: sample.slot))


def _all(futures: Sequence[Future[T]]) -> Sequence[Future[T]]:
    """Wait for all of them; Ctrl-C comes through."""
    wait(futures)
    for future in futures:
        future.result()
    return futures


def _refused(endpoint: Endpoint, sample: Sample) -> CloudgpuError:
    said = f"{endpoint.name} ({endpoint.url})"
    match sample.trouble:
        case Trouble.UNAUTHORISED:
            return RefusedKeyError(f"{said} refuses the key: {sample.detail}", hint="give it: --api-key-env NAME")
        case Trouble.NOT_FOUND:
            return NotFoundError(
                f"{said} does not serve {endpoint.model!r} in this way: {sample.detail}",
                hint="name the model: --model ID, or the form: --form chat|completions|app",
            )
        case Trouble.REFUSED | Trouble.TIMEOUT:
            return UnreachableError(f"{said} does not answer: {sample.detail}", hint="see: cloudgpu status")
    return BadAnswerError(f"{said} gave no answer to a first question: {sample.detail}", hint="see: cloudgpu logs")
