"""The commands of one step taken to their ends, one touch at a time: whose turn it is, what strikes, what is kept."""

import random
import resource
import signal
from dataclasses import dataclass
from typing import Generic

from tests.campaign.game import Told
from tests.campaign.judge import judge_agreement, judge_creates, judge_destroys
from tests.campaign.process import NEXT, Halt, Process
from tests.campaign.stage import Stage
from tests.campaign.story import C, Strike
from tests.campaign.truth import Truth

_TICK_S = 1e-6
_MOST_TOUCHES = 6000
_WATCHED = frozenset({"ask_create", "ask_destroy"})
"""Where everything is looked at, whatever strikes."""

_SIGNALS = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "terminate": signal.SIGTERM}


@dataclass(slots=True)
class Run(Generic[C]):
    """A command that was typed, the process that it became, and what has not struck it yet."""

    typed: C
    process: Process
    strikes: list[Strike]

    @property
    def status(self) -> int:
        """Its exit status; a signal's is negative."""
        return self.process.status or 0


class Turns(Generic[C]):
    """What every play does alike; a play adds what is typed, what else may strike, and what is judged when.

    `struck` tells whether anything happened to the commands of the last step, `intended` what stood in the journal
    before any create.
    """

    def __init__(self, stage: Stage, told: Told) -> None:
        self.stage, self.told, self.market = stage, told, stage.market
        self.intended: set[str] = set()
        self.struck = False

    def until_all_ended(self, runs: list[Run[C]], seed: int) -> Run[C]:
        """Let one after the other go on, in the order of that seed's dice; time passes when all wait. The last one."""
        dice, last, self.struck = random.Random(seed), runs[0], False
        while living := [run for run in runs if not run.process.ended]:
            now_s = self.market.clock.elapsed()
            awake = [run for run in living if run.process.wakes_at_s <= now_s + _TICK_S]
            if not awake:
                self.wait(min(run.process.wakes_at_s for run in living) - now_s)
                continue
            last = dice.choice(awake)
            self._go_on(last, alone=len(living) == 1)
        for run in runs:
            self.told.lines.append(f"{self.name(run.typed)}: {_told(run.process)}".rstrip())
        return last

    def wait(self, seconds: float) -> None:
        """Let time pass that every command waits for."""
        self.market.clock.sleep(seconds)

    def befall(self, strike: Strike) -> None:
        """What strikes and is neither a signal nor a full disk."""
        raise NotImplementedError

    def name(self, typed: C) -> str:
        """How the lines call it."""
        return typed.operation

    def before(self, process: Process) -> None:
        """What is looked at before a process goes on from where it stands."""

    def judge_money(self) -> Truth:
        """What holds of money in the end, whatever was played; what was read for it."""
        truth = self.stage.truth()
        creates, destroys = self.market.acts()
        self.told.broken += judge_agreement(truth)
        self.told.broken += judge_creates(creates, self.intended)
        self.told.broken += judge_destroys(destroys, self.labels(), truth)
        return truth

    def labels(self) -> dict[str, str | None]:
        """The label of everything that ever was, by its id."""
        return {each: label for _, each, label, _ in self.market.instances()}

    def _go_on(self, run: Run[C], *, alone: bool) -> None:
        process, shift_s = run.process, 0.0
        if process.at == "ask_create":
            self.intended |= {row.token for row in self.stage.rows()}
        for strike in [each for each in run.strikes if _is_due(each, process)]:
            if process.ended:
                break
            run.strikes.remove(strike)
            shift_s += strike.seconds
            self._strike(strike, process)
        if process.touch > _MOST_TOUCHES:
            self.told.broken.append(f"never ends: {' '.join(process.words[:2])} after {process.touch} touches")
            process.send(signal.SIGKILL)
        if not process.ended:
            self.before(process)
            process.go_on(self.market.clock, shift_s, _halt(run) if alone else NEXT)

    def _strike(self, strike: Strike, process: Process) -> None:
        self.struck = True
        self.told.lines.append(f"  {strike.do} at touch {process.touch} ({process.at}) {strike.seconds or ''}".rstrip())
        if strike.do in _SIGNALS:
            process.send(_SIGNALS[strike.do])
        elif strike.do == "full":
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
        else:
            self.befall(strike)


def _halt(run: Run[C]) -> Halt:
    """Where something is looked at or strikes next: nobody else is there to see what lies between."""
    due = {strike: _due_at(strike, run.process) for strike in run.strikes}
    unknown = {strike.after for strike, touch in due.items() if touch is None}
    return Halt(min([_MOST_TOUCHES + 1, *(touch for touch in due.values() if touch is not None)]), _WATCHED | unknown)


def _is_due(strike: Strike, process: Process) -> bool:
    at = _due_at(strike, process)
    return at is not None and process.touch >= at


def _due_at(strike: Strike, process: Process) -> int | None:
    """The touch at which it strikes; None until the process stands where its count begins."""
    begins = process.since.get(strike.after) if strike.after else 0
    return None if begins is None else begins + strike.touch


def _told(process: Process) -> str:
    said = " / ".join(line for line in process.err.splitlines() if line.startswith(("Error", "!")))
    return f"exit {process.status} after {process.touch} touches {said}"
