"""Plays a tale: one service, one migration of it, and everything that may go wrong on the way."""

import logging
import random
import shutil
import signal
import socket
from dataclasses import dataclass

from tests.campaign.judge import (
    answer_of,
    judge_agreement,
    judge_creates,
    judge_destroys,
    judge_doubt,
    judge_names,
    judge_output,
)
from tests.campaign.migrate.judge import (
    Moment,
    judge_destroyed,
    judge_end,
    judge_look,
    judge_reached,
    judge_told,
    judge_traffic,
)
from tests.campaign.migrate.operations import MODEL_NEW, WORDS
from tests.campaign.migrate.record import Record
from tests.campaign.migrate.scene import Scene, Traffic
from tests.campaign.migrate.stand_in import install, tell_gates
from tests.campaign.migrate.tale import Chapter, Tale, Typed
from tests.campaign.process import Process
from tests.campaign.stage import Stage, Told
from tests.campaign.story import Strike

_TICK_S = 1e-6
_APART_S = 180.0
_MOST_TOUCHES = 6000
_SIGNALS = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "terminate": signal.SIGTERM}
_LIES = frozenset(
    {"empty", "null", "short", "late", "ignored", "no_such_instance", "not_found", "hidden", "in_cluster"}
)
_PUTS_RIGHT = (
    "status", "resume", "finalize", "promote_full", "finalize", "abort", "rollback", "finalize",
    "abort_force", "resume_force", "down_new", "finalize", "abort_force", "down_old", "finalize", "resume_force",
)  # fmt: skip
"""What a patient user types, one after the other, until the migration is closed."""


class MoveStage(Stage):
    """A `Stage` on which tales are played; a plan to move to lies ready."""

    def __init__(self) -> None:
        logging.getLogger("asyncio").disabled = True  # it complains of every client that a kill took away
        super().__init__()
        _preload()
        self.plan = self._memory / "plan.json"
        words = ("plan", MODEL_NEW, "--gpu", "RTX 4090", "--offline", "--out", str(self.plan), "--json")
        planning = self.start(words)
        while not planning.ended:
            planning.go_on(self.market.clock)
        if planning.status:
            raise RuntimeError(planning.err)

    def tell(self, tale: Tale) -> Told:
        """Play it, put everything right again as a user would, and judge."""
        self._home, self._drowsy = self._memory / "home", tale.drowsy
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir()
        self.market.begin(tale.market)
        install(proxy_on_paper=tale.gateway != "haproxy")
        told = Told()
        scene = Scene(self.market, self._home, tale.provider)
        try:
            _Telling(self, scene, tale, told).whole()
        finally:
            scene.end()
        return told


@dataclass(slots=True)
class _Run:
    typed: Typed
    process: Process
    strikes: list[Strike]


class _Telling:
    """One tale as it is played."""

    def __init__(self, stage: MoveStage, scene: Scene, tale: Tale, told: Told) -> None:
        self.stage, self.scene, self.tale, self.told = stage, scene, tale, told
        self.market = stage.market
        self.intended: set[str] = set()
        self.lied = self.gateway_lost = self.calm = False
        self.destroyed_before = 0
        self.ending_before: set[str] = set()

    def whole(self) -> None:
        """The service, the tale, the end."""
        tell_gates(self.scene.home, "pass")
        self._one("up")
        if self.tale.gateway != "direct":
            self._one("gateway_start")
        self.scene.count()
        for chapter in self.tale.chapters:
            self._chapter(chapter)
        self._put_right()
        self._judge_all()

    def _one(self, operation: str) -> int:
        self._chapter(Chapter(typed=(Typed(operation=operation),)))
        return int(self.told.lines[-1].split("exit ")[1].split()[0])

    def _chapter(self, chapter: Chapter) -> None:
        tell_gates(self.scene.home, chapter.gates)
        for fate in chapter.fates:
            self._befall(fate)
        for fault in chapter.faults:
            self.lied = self.lied or fault["do"] in _LIES
            self.market.fault(fault)
        before, tokens = self._moment(), {row.token for row in self.stage.rows()}
        self.calm, self.destroyed_before = len(chapter.typed) == 1, len(self.market.acts()[1])
        self.ending_before = self._ending() if before.record.lives else set()
        runs = [self._start(typed) for typed in chapter.typed]
        last = self._until_all_ended(runs, random.Random(chapter.turns))
        self._judge(runs, last, before, tokens)
        self._pass(chapter.pause_s)

    def _start(self, typed: Typed) -> _Run:
        words = WORDS[typed.operation]
        if typed.operation == "migrate":
            words = (*words, "--plan", str(self.stage.plan), "--provider", self.tale.provider, *self.tale.words)
        if typed.operation == "up":
            words = (*words, "--provider", self.tale.provider)
        if typed.operation == "gateway_start" and self.tale.gateway == "haproxy" and not self._has_gateway():
            words = (*words, "--port", str(_free_port()))
        return _Run(typed, self.stage.start(words), list(typed.strikes))

    def _has_gateway(self) -> bool:
        return self.scene.traffic().running is not None

    def _until_all_ended(self, runs: list[_Run], dice: random.Random) -> _Run:
        last = runs[0]
        while living := [run for run in runs if not run.process.ended]:
            now_s = self.market.clock.elapsed()
            awake = [run for run in living if run.process.wakes_at_s <= now_s + _TICK_S]
            if not awake:
                self._wait(min(run.process.wakes_at_s for run in living) - now_s)
                continue
            last = dice.choice(awake)
            self._go_on(last)
        return last

    def _go_on(self, run: _Run) -> None:
        process = run.process
        if process.at == "ask_create":
            self.intended |= {row.token for row in self.stage.rows()}
        for strike in [each for each in run.strikes if _is_due(each, process)]:
            if process.ended:
                break
            run.strikes.remove(strike)
            self._strike(strike, process)
        if process.touch > _MOST_TOUCHES:
            self.told.broken.append(f"never ends: {' '.join(process.words[:2])} after {process.touch} touches")
            process.send(signal.SIGKILL)
        if not process.ended:
            ends = process.at == "ask_destroy" and process.words[0] == "migrate" and "replace" not in self.tale.words
            for instance_id in self._ending() - self.ending_before if ends else ():
                self.told.broken += judge_reached(instance_id, self.scene.traffic())
            process.go_on(self.market.clock)

    def _ending(self) -> set[str]:
        """Whose end is being asked for, as the journal says it beforehand."""
        lives = self.scene.record().lives
        return {each.instance_id for each in lives if each.state == "destroying" and each.instance_id}

    def _strike(self, strike: Strike, process: Process) -> None:
        self.told.lines.append(f"  {strike.do} at touch {process.touch} ({process.at})")
        self.calm = False
        if strike.do in _SIGNALS:
            process.send(_SIGNALS[strike.do])
        else:
            self._befall(strike.do)

    def _befall(self, fate: str) -> None:
        self.gateway_lost = self.gateway_lost or fate == "gateway_gone"
        self.told.lines.append(f"  {fate}")
        self.scene.befall(fate)

    def _wait(self, seconds: float) -> None:
        self.market.clock.sleep(seconds)
        if seconds >= 10:
            self.scene.count()

    def _pass(self, seconds: float) -> None:
        """Time in which the tool is off."""
        if seconds:
            self.market.clock.sleep(seconds)
            self.scene.count()
            self.told.broken += judge_traffic(self._moment(), gateway_lost=self.gateway_lost)

    def _moment(self) -> Moment:
        truth = self.stage.truth()
        return Moment(
            record=self.scene.record() if truth.store_id else _NOTHING,
            traffic=self.scene.traffic() if truth.store_id else _NOWHERE,
            well=self.scene.well(),
            alive=frozenset(truth.alive_ours),
        )

    def _judge(self, runs: list[_Run], last: _Run, before: Moment, tokens: set[str]) -> None:
        del tokens
        truth, now = self.stage.truth(), self._moment()
        for run in runs:
            self._note(run)
            process = run.process
            self.told.broken += judge_output(process.words, process.status or 0, process.out, process.err)
        status = last.process.status or 0
        self.told.broken += judge_doubt(last.process.words, status, truth, could_write=True)
        self.told.broken += judge_names(truth)
        if now.traffic.running:
            self.gateway_lost = False
        self.told.broken += judge_traffic(now, gateway_lost=self.gateway_lost)
        if len(runs) > 1:
            return
        gone = frozenset(self.market.acts()[1][self.destroyed_before :]) & before.alive
        operation = last.typed.operation
        self.told.broken += judge_destroyed(operation, gone, before, calm=self.calm and not self.lied)
        if self.calm and not self.lied:
            self.told.broken += judge_look(operation, status, before, now)
            self.told.broken += judge_told(answer_of(last.process.out), status, now)  # type: ignore[arg-type]

    def _note(self, run: _Run) -> None:
        said = " / ".join(line for line in run.process.err.splitlines() if line.startswith(("Error", "!")))
        self.told.lines.append(
            f"{run.typed.operation}: exit {run.process.status} after {run.process.touch} touches {said}".rstrip()
        )

    def _put_right(self) -> None:
        """Nothing goes wrong any more; a dead engine stays dead. The same few words until the migration is closed."""
        self.market.heal()
        self.market.credit("1000")
        self.scene.befall("well")
        self._learn_what_is_gone()
        if self.scene.traffic().running is False:
            self._one("gateway_start")
        for operation in _PUTS_RIGHT:
            if self.scene.record().open is None:
                break
            self._one(operation)
        truth = self.stage.truth()
        if truth.alive_ours - truth.known or any(row.unsettled for row in truth.rows):
            self._one("gc_destroy")

    def _learn_what_is_gone(self) -> None:
        """What was removed at the console is believed after two looks, apart in time; the last one when it is said."""
        for typed in ("look", "look", "down_old", "down_new"):
            truth = self.stage.truth()
            missing = {row.name for row in truth.rows if row.instance_id in truth.known - truth.alive_ours}
            if (typed == "look" and missing) or typed.removeprefix("down_") in missing:
                self._one(typed)
                self._wait(_APART_S)

    def _judge_all(self) -> None:
        truth = self.stage.truth()
        creates, destroys = self.market.acts()
        labels = {each: label for _, each, label, _ in self.market.instances()}
        self.told.broken += judge_agreement(truth)
        self.told.broken += judge_creates(creates, self.intended)
        self.told.broken += judge_destroys(destroys, labels, truth)
        self.told.broken += judge_end(self._moment())


def _preload() -> None:
    """So that no fork has to load it."""
    import cloudgpu.cli.gateway.run
    import cloudgpu.cli.migrate.acting
    import cloudgpu.cli.migrate.start
    import cloudgpu.moving.resuming
    import cloudgpu.moving.window  # noqa: F401


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_due(strike: Strike, process: Process) -> bool:
    begins = process.since.get(strike.after) if strike.after else 0
    return begins is not None and process.touch >= begins + strike.touch


_NOTHING = Record((), ())
_NOWHERE = Traffic(frozenset(), frozenset(), None)
