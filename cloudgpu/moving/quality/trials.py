"""Golden prompts, asked of every side at once and graded. The network is reached through the bench's caller."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from decimal import Decimal

from cloudgpu.base.money import usd_from_float
from cloudgpu.moving.bench.background import spawn
from cloudgpu.moving.bench.call import Caller, Place
from cloudgpu.moving.bench.endpoint import Endpoint
from cloudgpu.moving.bench.patience import Patience
from cloudgpu.moving.bench.question import Question
from cloudgpu.moving.bench.sample import Sample
from cloudgpu.moving.quality.anomalies import anomalies
from cloudgpu.moving.quality.assertions import Said, grade
from cloudgpu.moving.quality.golden import GoldenSet, GoldenTest
from cloudgpu.moving.quality.trial import QualityRun, Trial

REPEATS = 3
AT_ONCE = 4
"""Questions under way on each side: an engine is made for several, and a person is waiting."""
LIMIT_S = 120.0


def ask_all(
    endpoints: Sequence[Endpoint],
    golden: GoldenSet,
    *,
    repeats: int = REPEATS,
    on_progress: Callable[[str], None] = lambda _: None,
) -> tuple[QualityRun, ...]:
    """Each golden prompt `repeats` times to each endpoint, all sides in the same minutes; one run for each.

    Calls the endpoints. A question without an answer is a trial that failed; an endpoint that is gone or hangs is left
    alone, and its run is short. Raises KeyboardInterrupt when stopped.
    """
    stop = threading.Event()
    sides = [_Side(endpoint, golden, repeats, stop) for endpoint in endpoints]
    futures = [future for side in sides for future in side.begin()]
    whole = len(golden.tests) * repeats * len(sides)
    try:
        while wait(futures, timeout=0.5).not_done:
            on_progress(f"{sum(len(side.trials) for side in sides)} of {whole} answers")
    except KeyboardInterrupt:
        stop.set()
        raise
    for future in futures:
        future.result()
    on_progress(f"{sum(len(side.trials) for side in sides)} of {whole} answers")
    return tuple(side.run() for side in sides)


def graded(test: GoldenTest, repeat: int, sample: Sample, usd_per_hour: Decimal | None) -> Trial:
    """What a sample is worth. Pure."""
    usd = None if usd_per_hour is None else usd_per_hour * usd_from_float(sample.e2el_s) / 3600
    passed, failures = grade(test, Said(text=sample.text, e2el_s=sample.e2el_s, usd=usd, question=test.question))
    odd = anomalies(test.question, sample.text, finish_reason=sample.finish_reason, tool_calls=sample.tool_calls)
    if sample.trouble is not None:
        passed, failures, odd = False, (f"no answer: {sample.detail}",), ()
    return Trial(
        prompt=test.name, question=test.question, repeat=repeat, passed=passed, failures=failures, anomalies=odd,
        text=sample.text, e2el_s=sample.e2el_s, trouble=sample.trouble.value if sample.trouble else None,
    )  # fmt: skip


class _Side:
    """One endpoint with a few askers that share one list of questions."""

    def __init__(self, endpoint: Endpoint, golden: GoldenSet, repeats: int, stop: threading.Event) -> None:
        self.endpoint = endpoint
        self.trials: list[Trial] = []
        self._open = itertools.product(range(repeats), golden.tests)
        self._order = {test.name: number for number, test in enumerate(golden.tests)}
        self._lock = threading.Lock()
        self._stop = stop
        self._patience = Patience()

    def begin(self) -> list[Future[None]]:
        return [spawn(self._ask_on) for _ in range(AT_ONCE)]

    def run(self) -> QualityRun:
        ordered = sorted(self.trials, key=lambda each: (self._order[each.prompt], each.repeat))
        return QualityRun(name=self.endpoint.name, trials=tuple(ordered))

    def _ask_on(self) -> None:
        caller = Caller(self.endpoint, limit_s=LIMIT_S, seed=0, stop=self._stop)
        try:
            caller.connect()
            while not self._stop.is_set() and not self._patience.over and (found := self._next()) is not None:
                repeat, test = found
                self.trials.append(self._trial(caller, test, repeat))
        finally:
            caller.close()

    def _next(self) -> tuple[int, GoldenTest] | None:
        with self._lock:
            return next(self._open, None)

    def _trial(self, caller: Caller, test: GoldenTest, repeat: int) -> Trial:
        question = Question(kind="golden", text=test.question, max_tokens=test.max_tokens, tools=test.tools)
        sample = caller.ask(question, Place(users=AT_ONCE, turn=repeat, slot=0, began=time.perf_counter()))
        self._patience.take(sample)
        return graded(test, repeat, sample, self.endpoint.usd_per_hour)
