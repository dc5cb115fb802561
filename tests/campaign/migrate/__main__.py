"""`python -m tests.campaign.migrate --seed S --runs N [--jobs 2] [--only K]`: many tales of one migration each.

Exit status 1 when something broke: each failure is printed with its seed and number, and the shortest tale of the same
failure that was found. `--script FILE` plays such a tale again.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.campaign.migrate.draw import draw
from tests.campaign.migrate.shrink import shrunk
from tests.campaign.migrate.stage import MoveStage
from tests.campaign.migrate.tale import Tale, tale_from


def main() -> int:
    """Parse, play, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.migrate", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", type=int, help="Play the tale of this number alone, and show what is typed.")
    parser.add_argument("--script", type=Path, help="Play the tale of this file alone.")
    parser.add_argument("--first", action="store_true", help="End each job at its first failure.")
    parser.add_argument("--no-shrink", action="store_true", help="Print failures as they were drawn.")
    asked = parser.parse_args()
    if asked.script is not None:
        return _played([tale_from(asked.script.read_text(encoding="utf-8"))], asked, tell=True)
    numbers = range(asked.runs) if asked.only is None else [asked.only]
    tales = [draw(asked.seed, number) for number in numbers]
    began = time.monotonic()
    failures = _over_jobs(tales, asked)
    print(f"seed {asked.seed}: {len(tales)} tales in {time.monotonic() - began:.0f} s, {failures} failed")
    return int(failures > 0)


def _over_jobs(tales: Sequence[Tale], asked: argparse.Namespace) -> int:
    """Each job its share; a job that died counts as a failure."""
    if asked.jobs == 1:
        return _played(tales, asked, tell=asked.only is not None)
    reads, writes = os.pipe()
    for job in range(asked.jobs):
        if os.fork() == 0:
            os.close(reads)
            os.write(writes, f"{_played(tales[job :: asked.jobs], asked, tell=False)}\n".encode())
            os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as told:
        counts = [int(line) for line in told]
    for _ in range(asked.jobs):
        os.wait()
    return sum(counts) + (asked.jobs - len(counts))


def _played(tales: Sequence[Tale], asked: argparse.Namespace, *, tell: bool) -> int:
    stage, failures = MoveStage(), 0
    try:
        for tale in tales:
            failures += _broke(stage, tale, asked, tell=tell)
            if failures and asked.first:
                break
    finally:
        stage.close()
    return failures


def _broke(stage: MoveStage, tale: Tale, asked: argparse.Namespace, *, tell: bool) -> bool:
    told = stage.tell(tale)
    if tell:
        print("\n".join([tale.as_text(), *told.lines]))
    if told.broken:
        shortest = tale if asked.no_shrink else shrunk(stage, tale, told.broken[0])
        lines = [f"FAILED --seed {asked.seed} --only {tale.number}", *(f"  {each}" for each in told.broken)]
        sys.stdout.write("\n".join([*lines, "  " + shortest.as_text(), ""]))
        sys.stdout.flush()
    return bool(told.broken)


if __name__ == "__main__":
    sys.exit(main())
