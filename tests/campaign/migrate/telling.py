"""Plays a tale: one service, one migration of it, and everything that may go wrong on the way."""

import socket
from functools import partial
from pathlib import Path

from tests.campaign.faults import LIES
from tests.campaign.game import Told
from tests.campaign.judge import answer_of, judge_doubt, judge_names, judge_output
from tests.campaign.migrate.judge import (
    judge_destroyed,
    judge_end,
    judge_look,
    judge_offered,
    judge_reached,
    judge_share,
    judge_told,
    judge_traffic,
    judge_words,
)
from tests.campaign.migrate.moment import Moment
from tests.campaign.migrate.operations import LOOKS, TOLD, WORDS
from tests.campaign.migrate.scene import Scene
from tests.campaign.migrate.stand_in import tell_gates
from tests.campaign.migrate.tale import Chapter, Tale, Typed
from tests.campaign.process import Process
from tests.campaign.stage import Stage
from tests.campaign.story import Strike
from tests.campaign.turns import Run, Turns

_APART_S = 180.0
_LIES = LIES | {"in_cluster"}
_PUTS_RIGHT = (
    "resume", "finalize", "promote_full", "finalize", "abort", "rollback", "finalize",
    "abort_force", "resume_force", "down_new", "finalize", "abort_force", "down_old", "finalize", "resume_force",
)  # fmt: skip
"""What a patient user types after what is offered, one after the other, until the migration is closed."""


class Telling(Turns[Typed]):
    """One tale as it is played."""

    def __init__(self, stage: Stage, scene: Scene, tale: Tale, told: Told, plan: Path) -> None:
        super().__init__(stage, told)
        self.scene, self.tale, self.plan = scene, tale, plan
        self.lied = self.gateway_lost = False
        self.ended_by_others: frozenset[str] = frozenset()

    def begin(self) -> None:
        """The service, with a gateway on paper where the tale has one."""
        tell_gates(self.scene.home, "pass")
        self._one("up")
        if self.tale.begins_with_paper:
            self._one("gateway_start")

    def go_on(self) -> None:
        """A real gateway, the tale, the end."""
        if self.tale.gateway == "haproxy":
            self._one("gateway_start")
        self.scene.count()
        for chapter in self.tale.chapters:
            self._chapter(chapter)
        self._put_right()
        self._judge_all()

    def wait(self, seconds: float) -> None:
        """Clients ask while commands wait."""
        self.market.clock.sleep(seconds)
        if seconds >= 10:
            self.scene.count()

    def befall(self, strike: Strike) -> None:
        """A fate strikes."""
        self._befall(strike.do)

    def before(self, process: Process) -> None:
        """Nothing is asked to end while requests may reach it."""
        ends = process.at == "ask_destroy" and process.words[0] == "migrate" and "replace" not in self.tale.words
        if not ends:
            return
        now = self.scene.look()
        for instance_id in now.ending - self.ended_by_others:
            self.told.broken += judge_reached(instance_id, now.traffic)

    def _one(self, operation: str) -> Run[Typed]:
        return self._chapter(Chapter(typed=(Typed(operation=operation),)))[0]

    def _chapter(self, chapter: Chapter) -> list[Run[Typed]]:
        tell_gates(self.scene.home, chapter.gates)
        for fate in chapter.fates:
            self._befall(fate)
        for fault in chapter.faults:
            self.lied = self.lied or fault["do"] in _LIES
            self.market.fault(fault)
        before = self.scene.look()
        downs = [WORDS[typed.operation][1] for typed in chapter.typed if WORDS[typed.operation][0] == "down"]
        self.ended_by_others = before.ending | {each for each in map(before.instance, downs) if each}
        runs = [self._start(typed, alone=len(chapter.typed) == 1) for typed in chapter.typed]
        last = self.until_all_ended(runs, chapter.turns)
        self._judge(runs, last, before)
        self._pass(chapter.pause_s)
        return runs

    def _start(self, typed: Typed, *, alone: bool) -> Run[Typed]:
        words = WORDS[typed.operation]
        if typed.operation == "migrate":
            words = (*words, "--plan", str(self.plan), "--provider", self.tale.provider, *self.tale.words)
        if typed.operation == "up":
            words = (*words, "--provider", self.tale.provider)
        if typed.operation == "gateway_start" and self.tale.gateway == "haproxy" and not self._has_gateway():
            words = (*words, "--port", str(_free_port()))
        calm = alone and not typed.strikes and self.tale.gateway != "haproxy"  # a real proxy is forked from its worker
        return Run(typed, self.stage.start(words, calm=calm), list(typed.strikes))

    def _has_gateway(self) -> bool:
        return self.scene.look().traffic.running is not None

    def _befall(self, fate: str) -> None:
        self.gateway_lost = self.gateway_lost or fate == "gateway_gone"
        self.told.lines.append(f"  {fate}")
        self.scene.befall(fate)

    def _pass(self, seconds: float) -> None:
        """Time in which the tool is off."""
        if seconds:
            self.market.clock.sleep(seconds)
            self.told.broken += judge_traffic(self.scene.count(), gateway_lost=self.gateway_lost)

    def _judge(self, runs: list[Run[Typed]], last: Run[Typed], before: Moment) -> None:
        now = self.scene.look()
        for run in runs:
            self.told.broken += judge_output(run.process.words, run.status, run.process.out, run.process.err)
            self.told.broken += judge_words(run.typed.operation, now, run.process.err)
        self.told.broken += judge_doubt(last.process.words, last.status, now.truth, could_write=True)
        self.told.broken += judge_names(now.truth)
        if now.traffic.running and (now.record.open is None or last.typed.operation in LOOKS):
            self.gateway_lost = False  # it comes back with the shares that it had; a look finishes a move
        self.told.broken += judge_traffic(now, gateway_lost=self.gateway_lost)
        if len(runs) == 1:
            self._judge_one(last, before, now)

    def _judge_one(self, run: Run[Typed], before: Moment, now: Moment) -> None:
        """What it did and said by itself: when nothing struck and nobody lied, it has seen what was so."""
        operation, calm = run.typed.operation, not (self.struck or self.lied)
        gone = frozenset(now.destroys[len(before.destroys) :]) & before.alive
        self.told.broken += judge_destroyed(operation, gone, before, calm=calm)
        if calm:
            self.told.broken += judge_share(operation, before, now, self.market.clock.now())
            self.told.broken += judge_look(operation, run.status, before, now)
            self.told.broken += judge_told(answer_of(run.process.out), run.status, now)  # type: ignore[arg-type]

    def _put_right(self) -> None:
        """Nothing goes wrong any more; a dead engine stays dead. The same few words until the migration is closed."""
        self.market.heal()
        self.market.credit("1000")
        self.stage.drowse()
        self.scene.befall("well")
        self._learn_what_is_gone()
        if self.scene.look().traffic.running is False:
            self._one("gateway_start")
        for put_right in (self._do_what_is_told, *(partial(self._one, each) for each in _PUTS_RIGHT)):
            if self.scene.look().record.open is None:
                break
            put_right()
        truth = self.scene.look().truth
        if truth.alive_ours - truth.known or any(row.unsettled for row in truth.rows):
            self._one("gc_destroy")

    def _do_what_is_told(self) -> None:
        """Type what `status` offers first of what can be typed now."""
        told = (answer_of(self._one("status").process.out) or {}).get("migration") or {}
        now = next((each for each in told.get("next", ()) if each["once"] is None), None)
        for command in now["commands"] if now else ():
            if command not in TOLD:
                return
            done = self._one(TOLD[command])
            self.told.broken += judge_offered(TOLD[command], answer_of(done.process.out))  # type: ignore[arg-type]

    def _learn_what_is_gone(self) -> None:
        """What was removed at the console is believed after two looks, apart in time; the last one when it is said."""
        for typed in ("look", "look", "down_old", "down_new"):
            truth = self.scene.look().truth
            missing = {row.name for row in truth.rows if row.instance_id in truth.known - truth.alive_ours}
            if (typed == "look" and missing) or typed.removeprefix("down_") in missing:
                self._one(typed)
                self.wait(_APART_S)

    def _judge_all(self) -> None:
        self.judge_money()
        self.told.broken += judge_end(self.scene.look())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
