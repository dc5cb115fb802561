"""Many runs over several processes, and what is printed of them."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tests.campaign.draw import draw
from tests.campaign.shrink import shrunk
from tests.campaign.stage import Stage
from tests.campaign.story import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How to play: over how many processes, whether failures are made shorter, the first ends it, all is told."""

    seed: int
    jobs: int
    shrink: bool
    first: bool
    tell: bool


def played(numbers: Sequence[int], asking: Asking) -> int:
    """Play them, each job its share; how many failed. Prints every failure as it happens."""
    if asking.jobs == 1:
        return _share(numbers, asking)
    reads, writes = os.pipe()
    for job in range(asking.jobs):
        if os.fork() == 0:
            os.close(reads)
            failures = _share(numbers[job :: asking.jobs], asking)
            os.write(writes, f"{failures}\n".encode())
            os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as told:
        counts = [int(line) for line in told]
    for _ in range(asking.jobs):
        os.wait()
    return sum(counts) + (asking.jobs - len(counts))  # a job that died told nothing


def retold(story: Story) -> int:
    """Play one story and show everything; 1 when something broke."""
    stage = Stage()
    try:
        told = stage.play(story)
    finally:
        stage.close()
    for line in (*told.lines, *(f"BROKEN {each}" for each in told.broken)):
        print(line)
    return int(bool(told.broken))


def _share(numbers: Sequence[int], asking: Asking) -> int:
    stage, failures = Stage(), 0
    try:
        for number in numbers:
            failures += _broke(stage, draw(asking.seed, number), asking)
            if failures and asking.first:
                break
    finally:
        stage.close()
    return failures


def _broke(stage: Stage, story: Story, asking: Asking) -> bool:
    told = stage.play(story)
    if asking.tell:
        print("\n".join([story.as_text(), *told.lines]))
    if told.broken:
        shortest = shrunk(stage, story, told.broken[0]) if asking.shrink else story
        lines = [f"FAILED --seed {asking.seed} --only {story.number}", *(f"  {each}" for each in told.broken)]
        sys.stdout.write("\n".join([*lines, "  " + shortest.as_text(), ""]))
        sys.stdout.flush()
    return bool(told.broken)
