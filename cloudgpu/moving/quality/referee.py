"""A judge model, asked twice with the sides swapped: models favour a place, so only what holds in both counts.

The network is reached here.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from cloudgpu.moving.bench.background import spawn
from cloudgpu.moving.bench.call import Caller, Place
from cloudgpu.moving.bench.endpoint import Endpoint
from cloudgpu.moving.bench.question import Question
from cloudgpu.moving.quality.trial import QualityRun

Preference = Literal["old", "new", "tie", "unsure"]

AT_ONCE = 4
_LIMIT_S = 120.0
_MAX_TOKENS = 1024
_MOST_CHARACTERS = 6000
_ASK = """Two assistants answered the same question. Decide which answer is more correct and more helpful. Length and
order do not matter. End with one line that holds A, B or TIE and nothing else.

Question:
{question}

Answer A:
{a}

Answer B:
{b}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What the judge made of one golden prompt. `unsure`: it changed its mind with the order, or said nothing."""

    prompt: str
    preference: Preference

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return {"prompt": self.prompt, "preference": self.preference}


def opinions(
    judge: Endpoint, old: QualityRun, new: QualityRun, *, on_progress: Callable[[str], None] = lambda _: None
) -> tuple[Opinion, ...]:
    """The judge's opinion of each golden prompt that both sides answered, of their first answers. Calls the judge.

    A judge that fails is unsure. Raises KeyboardInterrupt when stopped.
    """
    cases = _cases(old, new)
    stop = threading.Event()
    done: dict[str, Opinion] = {}
    futures = [spawn(partial(_judge_on, judge, cases[number::AT_ONCE], done, stop)) for number in range(AT_ONCE)]
    try:
        while wait(futures, timeout=0.5).not_done:
            on_progress(f"{len(done)} of {len(cases)} judged")
    except KeyboardInterrupt:
        stop.set()
        raise
    for future in futures:
        future.result()
    on_progress(f"{len(done)} of {len(cases)} judged")
    return tuple(done[case.prompt] for case in cases if case.prompt in done)


def decided(first: str | None, swapped: str | None) -> Preference:
    """From the two answers, A being the old side in the first and the new side in the second: who won, if anybody."""
    if first is None or swapped is None:
        return "unsure"
    wins = Counter([{"A": "old", "B": "new"}.get(first, "tie"), {"A": "new", "B": "old"}.get(swapped, "tie")])
    if len(wins) > 1:
        return "unsure"
    return "old" if wins["old"] else "new" if wins["new"] else "tie"


def spoken(text: str) -> str | None:
    """`A`, `B` or `TIE` in what a judge said, its last word counting; None when there is none."""
    lines = [line.strip(" *_.\"'`") for line in text.strip().splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    if last.upper() in ("A", "B", "TIE"):
        return last.upper()
    found = re.findall(r"\b(A|B|TIE)\b", last)
    return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class _Case:
    prompt: str
    question: str
    old: str
    new: str


def _cases(old: QualityRun, new: QualityRun) -> Sequence[_Case]:
    said = {trial.prompt: trial.text for trial in new.trials if trial.repeat == 0 and trial.trouble is None}
    return [
        _Case(trial.prompt, trial.question, trial.text, said[trial.prompt])
        for trial in old.trials
        if trial.repeat == 0 and trial.trouble is None and trial.prompt in said
    ]


def _judge_on(judge: Endpoint, cases: Sequence[_Case], done: dict[str, Opinion], stop: threading.Event) -> None:
    caller = Caller(judge, limit_s=_LIMIT_S, seed=0, stop=stop)
    try:
        for case in cases:
            if not stop.is_set():
                done[case.prompt] = Opinion(prompt=case.prompt, preference=_preference(caller, case))
    finally:
        caller.close()


def _preference(caller: Caller, case: _Case) -> Preference:
    if case.old.strip() == case.new.strip():
        return "tie"
    return decided(_ask(caller, case, case.old, case.new), _ask(caller, case, case.new, case.old))


def _ask(caller: Caller, case: _Case, a: str, b: str) -> str | None:
    text = _ASK.format(question=case.question, a=a[:_MOST_CHARACTERS], b=b[:_MOST_CHARACTERS])
    question = Question(kind="judge", text=text, max_tokens=_MAX_TOKENS)
    sample = caller.ask(question, Place(users=AT_ONCE, turn=0, slot=0, began=time.perf_counter()))
    return None if sample.trouble else spoken(sample.text)
