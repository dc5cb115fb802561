"""The campaign passes, and it can fail: bugs that are put into a copy of the program are found."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaign.draw import draw
from tests.campaign.mutations import MUTATIONS
from tests.campaign.story import story_from

ROOT = Path(__file__).resolve().parents[2]
JOBS = str(os.cpu_count())


def campaign(*words, folder=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "tests.campaign", *words], cwd=folder, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)},
    )  # fmt: skip


def test_a_seed_and_a_number_give_one_story_and_a_script_is_that_story():
    assert draw(7, 3) == draw(7, 3) != draw(7, 4)
    assert story_from(draw(7, 3).as_text()) == replace(draw(7, 3))


@pytest.mark.slow
@pytest.mark.alone  # it keeps both processors busy by itself
def test_a_thousand_stories_end_well():
    done = campaign("--seed", "1", "--runs", "1000", "--jobs", JOBS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_story_goes_the_same_way_each_time():
    first, again = (_without_tokens(campaign("--seed", "1", "--only", "11").stdout) for _ in range(2))
    assert first == again
    assert "exit" in first


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_a_bug_that_is_put_in_is_found(name, tmp_path):
    mutation = MUTATIONS[name]
    for folder in ("cloudgpu", "templates", "offers", "tests/campaign"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "cloudgpu" / mutation.file
    text = file.read_text(encoding="utf-8")
    assert text.count(mutation.text) == 1, "the program has changed: say anew what is broken"
    file.write_text(text.replace(mutation.text, mutation.instead), encoding="utf-8")
    done = campaign("--seed", "1", "--runs", str(mutation.runs), "--first", "--no-shrink", folder=tmp_path)
    assert done.returncode == 1
    assert mutation.seen_as in done.stdout, done.stdout


def _without_tokens(text):
    """Tokens are drawn anew each time, and folders in memory too; so are seconds of real time."""
    return re.sub(r"cloudgpu-[0-9a-f]{8}-|-[0-9a-f]{12}-|in \d+ s|cloudgpu-campaign-\w+", "", text)
