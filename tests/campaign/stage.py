"""Plays a story: starts the commands, lets time pass, strikes, and has everything judged."""

import os
import random
import resource
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaign.judge import (
    answer_of,
    judge_agreement,
    judge_creates,
    judge_destroys,
    judge_doubt,
    judge_failure,
    judge_names,
    judge_output,
    judge_served,
    judge_unknown,
)
from tests.campaign.market import Market
from tests.campaign.operations import OPERATIONS
from tests.campaign.process import Process, prepare
from tests.campaign.story import Command, Step, Story, Strike
from tests.campaign.truth import Row, Truth, read_truth

_LIES = frozenset({"empty", "null", "short", "late", "ignored", "no_such_instance", "not_found", "hidden"})
"""Answers that say something untrue. What a command promises is judged by the truth where there is one at most."""

_TICK_S = 1e-6
_MOST_TOUCHES = 4000
_SIGNALS = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "terminate": signal.SIGTERM}


@dataclass(slots=True)
class Told:
    """What was seen while a story was played: what broke, and a line for each command."""

    broken: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Run:
    """A command of a story, with the process that it became."""

    command: Command
    process: Process
    strikes: list[Strike]


class Stage:
    """A market, a warmed parent and a folder in memory; stories are played on it one after the other."""

    def __init__(self) -> None:
        self._memory = Path(tempfile.mkdtemp(prefix="cloudgpu-campaign-", dir=_memory()))
        self.market = Market()
        self._home, self._drowsy = self._memory / "rehearsal", 1
        self._home.mkdir()
        prepare(self._environment(), self.market.clock)

    def close(self) -> None:
        """End the market and remove the folder."""
        self.market.close()
        shutil.rmtree(self._memory)

    def play(self, story: Story) -> Told:
        """Play it, put everything right again as a user would, and judge."""
        self._home, self._drowsy = self._memory / "home", story.drowsy
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir()
        self.market.begin(story.market)
        told = Told()
        play = _Play(self, story, told)
        play.whole()
        return told

    def start(self, words: Sequence[str]) -> Process:
        """A command as it is typed."""
        return Process(words, self._environment(), self.market.clock, self._drowsy)

    def truth(self) -> Truth:
        """Journal and market as they are now."""
        alive = {each: label for _, each, label, lives in self.market.instances() if lives}
        return read_truth(self._journal(), alive)

    def rows(self) -> Sequence[Row]:
        """The journal alone."""
        return read_truth(self._journal(), {}).rows

    def _journal(self) -> Path:
        return self._home / "state" / "cloudgpu" / "cloudgpu.db"

    def _environment(self) -> Mapping[str, str]:
        return {
            "HOME": str(self._home), "XDG_STATE_HOME": str(self._home / "state"), "PATH": os.environ.get("PATH", ""),
            "XDG_CACHE_HOME": str(self._home / "cache"), "XDG_CONFIG_HOME": str(self._home / "config"),
            "VAST_URL": self.market.url, "VAST_API_KEY": self.market.vast_key,
            "RUNPOD_API_BASE_URL": self.market.url, "RUNPOD_API_KEY": self.market.runpod_key,
        }  # fmt: skip


class _Play:
    """One story as it is played."""

    def __init__(self, stage: Stage, story: Story, told: Told) -> None:
        self.stage, self.story, self.told = stage, story, told
        self.market = stage.market
        self.wanted: dict[str, str] = {}
        self.served: dict[str, str] = {}
        self.strangers: set[str] = set()
        self.lies: set[str] = set()
        self.intended: set[str] = set()
        self.raced: set[str] = set()

    def whole(self) -> None:
        """Everything: the story, the same words again, the sweep, the end."""
        self.strangers = {self.market.stranger(*each) for each in self.story.strangers}
        for step in self.story.steps:
            self._step(step)
        self._put_right()
        self._judge_all()

    def _step(self, step: Step) -> None:
        for fault in step.faults:
            self.lies |= {fault["do"]} & _LIES
            self.market.fault(fault)
        for command in step.commands:
            operation = OPERATIONS[command.operation]
            self.raced |= {command.name} if operation.races else set()
            self.wanted[command.name] = operation.wants or self.wanted.get(command.name, "")
            self.served = {name: each for name, each in self.served.items() if not operation.ends(command.name, name)}
        tokens = {row.token for row in self.stage.rows()}
        runs = [self._start(command) for command in step.commands]
        last = self._until_all_ended(runs, random.Random(step.turns))
        self._judge_step(runs, last, tokens)
        self.market.clock.sleep(step.pause_s)

    def _start(self, command: Command) -> _Run:
        words = OPERATIONS[command.operation].words(command.name, self.story.homes[command.name])
        return _Run(command, self.stage.start(words), list(command.strikes))

    def _until_all_ended(self, runs: list[_Run], dice: random.Random) -> _Run:
        """Let one after the other go on, in the order that the story's dice say; time passes when all of them wait."""
        last = runs[0]
        while living := [run for run in runs if not run.process.ended]:
            now_s = self.market.clock.elapsed()
            awake = [run for run in living if run.process.wakes_at_s <= now_s + _TICK_S]
            if not awake:
                self.market.clock.sleep(min(run.process.wakes_at_s for run in living) - now_s)
                continue
            last = dice.choice(awake)
            self._go_on(last)
        return last

    def _go_on(self, run: _Run) -> None:
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
            process.go_on(self.market.clock, shift_s)

    def _strike(self, strike: Strike, process: Process) -> None:
        self.told.lines.append(f"  {strike.do} at touch {process.touch} ({process.at}) {strike.seconds or ''}".rstrip())
        if strike.do in _SIGNALS:
            process.send(_SIGNALS[strike.do])
        elif strike.do == "full":
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
        elif strike.do == "remove":
            self._remove_newest()

    def _remove_newest(self) -> None:
        ours = [each for each in self.market.instances() if each[3] and each[1] not in self.strangers]
        if ours:
            provider, instance_id, _, _ = ours[-1]
            self.market.remove(provider, instance_id)
            self.served = {name: each for name, each in self.served.items() if each != instance_id}

    def _judge_step(self, runs: list[_Run], last: _Run, tokens: set[str]) -> None:
        truth = self.stage.truth()
        for run in runs:
            self._note(run)
            self._settled(run)
        for run in runs:
            process = run.process
            self.told.broken += judge_output(process.words, process.status or 0, process.out, process.err)
        could_write = not _lost_its_disk(last)
        self.told.broken += judge_doubt(last.process.words, last.process.status or 0, truth, could_write=could_write)
        self.told.broken += judge_names(truth, self.raced)
        if len(runs) == 1:
            self.told.broken += judge_failure(last.process.words, last.process.status or 0, tokens, truth)
        if len(self.lies) <= 1:
            self.told.broken += judge_unknown(last.process.words, last.process.status or 0, truth)
            for run in runs:
                self.told.broken += self._promised(run, truth) if len(runs) == 1 else ()
        for run in runs:
            self._remember(run, truth)
        self._judge_served(truth)

    def _judge_served(self, truth: Truth) -> None:
        ended = {name: each for name, each in self.served.items() if each not in truth.alive}
        if ended:  # the provider may have ended it by itself
            self.told.broken += judge_served(ended, self.market.acts()[1])
            self.served = {name: each for name, each in self.served.items() if name not in ended}

    def _promised(self, run: _Run, truth: Truth) -> Iterator[str]:
        """Whether a success is one; nobody can answer for what somebody removed in the meantime."""
        if any(strike.do == "remove" for strike in run.command.strikes):
            return
        answer = answer_of(run.process.out)
        if run.process.status == 0 and answer is not None:
            for each in OPERATIONS[run.command.operation].broken(run.command.name, answer, truth):
                yield f"untrue: {each}"

    def _settled(self, run: _Run) -> None:
        """An `up` or a `down` that ends well leaves of its name what it says, whatever a race had left of it before."""
        if OPERATIONS[run.command.operation].wants and run.process.status == 0:
            self.raced.discard(run.command.name)

    def _remember(self, run: _Run, truth: Truth) -> None:
        if OPERATIONS[run.command.operation].wants == "up" and run.process.status == 0:
            rows = [row for row in truth.living(run.command.name) if row.state == "ready" and row.instance_id]
            self.served |= {row.name: str(row.instance_id) for row in rows if row.instance_id in truth.alive}

    def _note(self, run: _Run) -> None:
        said = " / ".join(line for line in run.process.err.splitlines() if line.startswith(("Error", "!")))
        words = " ".join((run.command.operation, run.command.name))
        self.told.lines.append(f"{words}: exit {run.process.status} after {run.process.touch} touches {said}".rstrip())

    def _put_right(self) -> None:
        """The same words again, what is told when they are refused, and a sweep; nothing goes wrong any more."""
        self.market.heal()
        self.market.credit("1000")
        for name, wish in self.wanted.items():
            if wish == "up" and self._typed("up", name) == 0:
                continue
            if wish:
                self._typed("down", name)
        self._typed("gc_destroy", "a")

    def _typed(self, operation: str, name: str) -> int:
        before = len(self.told.broken)
        self._step(Step(commands=(Command(operation=operation, name=name),)))
        del before
        return int(self.told.lines[-1].split("exit ")[1].split()[0])

    def _judge_all(self) -> None:
        truth = self.stage.truth()
        creates, destroys = self.market.acts()
        labels = {each: label for _, each, label, _ in self.market.instances()}
        self.told.broken += judge_agreement(truth)
        self.told.broken += judge_names(truth)
        self.told.broken += judge_creates(creates, self.intended)
        self.told.broken += judge_destroys(destroys, labels, truth)
        for each in self.strangers - set(truth.alive):
            self.told.broken.append(f"ended what is not ours: {each} ({labels.get(each)})")
        self._removable()

    def _removable(self) -> None:
        """Whatever there is can be removed in one word, and then nothing of ours bills."""
        for name in self.story.homes:
            if self.stage.truth().living(name):
                self._typed("down", name)
        left = self.stage.truth()
        if left.alive_ours or any(row.lives for row in left.rows):
            self.told.broken.append(f"not removable: {sorted(left.alive_ours)} {[r for r in left.rows if r.lives]}")


def _lost_its_disk(run: _Run) -> bool:
    return any(strike.do == "full" for strike in run.command.strikes)


def _is_due(strike: Strike, process: Process) -> bool:
    begins = process.since.get(strike.after) if strike.after else 0
    return begins is not None and process.touch >= begins + strike.touch


def _memory() -> str | None:
    """A folder in memory where there is one: a commit to the journal waits for no disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
