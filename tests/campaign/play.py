"""Plays a story: types its commands, lets its time pass, and has everything judged."""

from collections.abc import Iterator

from tests.campaign.faults import LIES
from tests.campaign.game import Told
from tests.campaign.judge import (
    answer_of,
    judge_doubt,
    judge_failure,
    judge_names,
    judge_output,
    judge_served,
    judge_unknown,
)
from tests.campaign.operations import OPERATIONS
from tests.campaign.stage import Stage
from tests.campaign.story import Command, Step, Story, Strike
from tests.campaign.truth import Truth
from tests.campaign.turns import Run, Turns


class StoryStage(Stage):
    """A `Stage` on which stories are played."""

    def play(self, story: Story) -> Told:
        """Play it, put everything right again as a user would, and judge."""
        self.clear(story.market, story.drowsy)
        told = Told()
        _Play(self, story, told).whole()
        return told


class _Play(Turns[Command]):
    """One story as it is played."""

    def __init__(self, stage: Stage, story: Story, told: Told) -> None:
        super().__init__(stage, told)
        self.story = story
        self.wanted: dict[str, str] = {}
        self.served: dict[str, str] = {}
        self.strangers: set[str] = set()
        self.lies: set[str] = set()
        self.raced: set[str] = set()

    def whole(self) -> None:
        """Everything: the story, the same words again, the sweep, the end."""
        self.strangers = {self.market.stranger(*each) for each in self.story.strangers}
        for step in self.story.steps:
            self._step(step)
        self._put_right()
        self._judge_all()

    def befall(self, strike: Strike) -> None:
        """Somebody removes the newest of ours; a corrected clock has been corrected by then."""
        ours = [each for each in self.market.instances() if each[3] and each[1] not in self.strangers]
        if strike.do == "remove" and ours:
            provider, instance_id, _, _ = ours[-1]
            self.market.remove(provider, instance_id)
            self.served = {name: each for name, each in self.served.items() if each != instance_id}

    def name(self, typed: Command) -> str:
        """With the deployment's name."""
        return f"{typed.operation} {typed.name}"

    def _step(self, step: Step) -> Run[Command]:
        for fault in step.faults:
            self.lies |= {fault["do"]} & LIES
            self.market.fault(fault)
        for command in step.commands:
            operation = OPERATIONS[command.operation]
            self.raced |= {command.name} if operation.races else set()
            self.wanted[command.name] = operation.wants or self.wanted.get(command.name, "")
            self.served = {name: each for name, each in self.served.items() if not operation.ends(command.name, name)}
        tokens = {row.token for row in self.stage.rows()}
        runs = [self._start(command, alone=len(step.commands) == 1) for command in step.commands]
        last = self.until_all_ended(runs, step.turns)
        self._judge_step(runs, last, tokens)
        self.market.clock.sleep(step.pause_s)
        return last

    def _start(self, command: Command, *, alone: bool) -> Run[Command]:
        words = OPERATIONS[command.operation].words(command.name, self.story.homes[command.name])
        calm = alone and not command.strikes
        return Run(command, self.stage.start(words, calm=calm), list(command.strikes))

    def _judge_step(self, runs: list[Run[Command]], last: Run[Command], tokens: set[str]) -> None:
        truth, words, broken = self.stage.truth(), last.process.words, self.told.broken
        for run in runs:
            self._settled(run)
            broken += judge_output(run.process.words, run.status, run.process.out, run.process.err)
        broken += judge_doubt(words, last.status, truth, could_write=not _lost_its_disk(last))
        broken += judge_names(truth, self.raced)
        if len(runs) == 1:
            broken += judge_failure(words, last.status, tokens, truth)
        if len(self.lies) <= 1:
            broken += judge_unknown(words, last.status, truth)
            broken += self._promised(last, truth) if len(runs) == 1 else ()
        for run in runs:
            self._remember(run, truth)
        self._judge_served(truth)

    def _judge_served(self, truth: Truth) -> None:
        ended = {name: each for name, each in self.served.items() if each not in truth.alive}
        if ended:  # the provider may have ended it by itself
            self.told.broken += judge_served(ended, self.market.acts()[1])
            self.served = {name: each for name, each in self.served.items() if name not in ended}

    def _promised(self, run: Run[Command], truth: Truth) -> Iterator[str]:
        """Whether a success is one; nobody can answer for what somebody removed in the meantime."""
        if any(strike.do == "remove" for strike in run.typed.strikes):
            return
        answer = answer_of(run.process.out)
        if run.process.status == 0 and answer is not None:
            for each in OPERATIONS[run.typed.operation].broken(run.typed.name, answer, truth):
                yield f"untrue: {each}"

    def _settled(self, run: Run[Command]) -> None:
        """An `up` or a `down` that ends well leaves of its name what it says, whatever a race had left of it before."""
        if OPERATIONS[run.typed.operation].wants and run.process.status == 0:
            self.raced.discard(run.typed.name)

    def _remember(self, run: Run[Command], truth: Truth) -> None:
        if OPERATIONS[run.typed.operation].wants == "up" and run.process.status == 0:
            rows = [row for row in truth.living(run.typed.name) if row.state == "ready" and row.instance_id]
            self.served |= {row.name: str(row.instance_id) for row in rows if row.instance_id in truth.alive}

    def _put_right(self) -> None:
        """The same words again, what is told when they are refused, and a sweep; nothing goes wrong any more."""
        self.market.heal()
        self.market.credit("1000")
        self.stage.drowse()
        for name, wish in self.wanted.items():
            if wish == "up" and self._typed("up", name) == 0:
                continue
            if wish:
                self._typed("down", name)
        self._typed("gc_destroy", "a")

    def _typed(self, operation: str, name: str) -> int:
        return self._step(Step(commands=(Command(operation=operation, name=name),))).status

    def _judge_all(self) -> None:
        truth = self.judge_money()
        self.told.broken += judge_names(truth)
        for each in self.strangers - set(truth.alive):
            self.told.broken.append(f"ended what is not ours: {each} ({self.labels().get(each)})")
        self._removable()

    def _removable(self) -> None:
        """Whatever there is can be removed in one word, and then nothing of ours bills."""
        for name in self.story.homes:
            if self.stage.truth().living(name):
                self._typed("down", name)
        left = self.stage.truth()
        if left.alive_ours or any(row.lives for row in left.rows):
            self.told.broken.append(f"not removable: {sorted(left.alive_ours)} {[r for r in left.rows if r.lives]}")


def _lost_its_disk(run: Run[Command]) -> bool:
    return any(strike.do == "full" for strike in run.typed.strikes)
