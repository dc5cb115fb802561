"""The campaign over `migrate` passes, and it can fail: bugs that are put into a copy of the program are seen."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaign.migrate.draw import draw
from tests.campaign.migrate.tale import Chapter, Tale, Typed, tale_from
from tests.campaign.story import Strike

ROOT = Path(__file__).resolve().parents[3]
JOBS = str(os.cpu_count())


AT_ONCE = ("--strategy", "blue-green", "--window", "never")
IN_STEPS = ("--strategy", "canary", "--steps", "10,50", "--pause", "ask", "--no-auto-rollback")


def tale(*chapters, gateway="stood_in", words=AT_ONCE, first=None):
    return Tale(
        number=0, market=1, drowsy=4, provider="vast", gateway=gateway, words=words,
        chapters=(first or then("migrate"), *chapters),
    )  # fmt: skip


def then(operation, *fates):
    return Chapter(typed=(Typed(operation=operation),), fates=fates)


KILLED = Typed(operation="migrate", strikes=(Strike(touch=12, do="kill", after="ask_create"),))

BUGS = {
    "a new side that was stopped is taken for one that serves": (
        "running_acts.py",
        "        elif standing is not None and not standing.state.is_ending and",
        "        elif not migration and",
        tale(then("resume", "new_stops"), first=Chapter(typed=(KILLED,))),
        "wrong way out",
    ),
    "what is offered goes by the state alone": (
        "footing.py",
        "    if answers:\n",
        "    if life:\n",
        tale(then("status", "new_dies"), first=replace(then("migrate"), gates="unclear")),
        "offered and refused",
    ),
    "nobody stands by for a side that has all the traffic": (
        "running_acts.py",
        "            standby=migration.ending is None,\n",
        "            standby=False,\n",
        tale(then("gateway_start", "new_dies")),
        "nobody reached",
    ),
    "a side is given up without a look at the one that is kept": (
        "closing.py",
        "    if acts.is_healthy(keep) or not is_left(other, acts):\n",
        "    if keep:\n",
        tale(then("finalize", "new_dies")),
        "destroyed what alone answers",
    ),
    "a side is destroyed while it still answers requests": (
        "closing.py",
        "    acts.detach(loser)\n    if acts.reaches(loser) and acts.exists(loser):\n",
        "    if not loser:\n",
        tale(then("finalize", "old_busy")),
        "destroyed while reached",
    ),
    "a look does not start the gateway again": (
        "window.py",
        "        migration = shared(migration, acts)  # a move that was cut off",
        "        pass  # a move that was cut off",
        tale(then("status", "gateway_gone")),
        "gateway stays lost",
    ),
    "a new side that failed and came back gets more at once": (
        "forward.py",
        "        _check_recovered(migration, acts)\n",
        "        pass\n",
        tale(then("status", "new_silent"), then("promote", "well"), words=IN_STEPS),
        "larger share too soon",
    ),
    "a new side that is dead keeps the address": (
        "window.py",
        "    if migration.strategy.auto_rollback and seen",
        "    if not seen.at and seen",
        tale(then("status", "new_dies"), gateway="direct"),
        "not gone back",
    ),
}  # fmt: skip


def campaign(*words, folder=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "tests.campaign.migrate", *words], cwd=folder, capture_output=True, text=True,
        check=False, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)},
    )  # fmt: skip


def test_a_seed_and_a_number_give_one_tale_and_a_script_is_that_tale():
    assert draw(7, 3) == draw(7, 3) != draw(7, 4)
    assert tale_from(draw(7, 3).as_text()) == draw(7, 3)


@pytest.mark.slow
@pytest.mark.alone  # it keeps both processors busy by itself
def test_a_thousand_tales_end_well():
    done = campaign("--seed", "20261121", "--runs", "1000", "--jobs", JOBS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("bug", sorted(BUGS))
def test_a_bug_that_is_put_in_is_seen(bug, tmp_path):
    file, text, instead, story, seen_as = BUGS[bug]
    script = tmp_path / "tale.json"
    script.write_text(story.as_text(), encoding="utf-8")
    for folder in ("cloudgpu", "templates", "offers", "tests/campaign"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "cloudgpu" / "moving" / file
    program = path.read_text(encoding="utf-8")
    assert program.count(text) == 1, "the program has changed: say anew what is broken"
    path.write_text(program.replace(text, instead), encoding="utf-8")
    done = campaign("--script", str(script), "--no-shrink", folder=tmp_path)
    assert (done.returncode, seen_as in done.stdout) == (1, True), done.stdout + done.stderr
