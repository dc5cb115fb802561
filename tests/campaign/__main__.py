"""`python -m tests.campaign --seed S --runs N [--jobs 2] [--only K]`: many stories, with all that can go wrong in them.

Exit status 1 when something broke: each failure is printed with its seed and number, and the shortest script of the
same failure that was found. `--script FILE` plays such a script again.
"""

import argparse
import sys
import time
from pathlib import Path

from tests.campaign.runs import Asking, played, retold
from tests.campaign.story import story_from


def main() -> int:
    """Parse, play, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", type=int, help="Play the run of this number alone, and show what is typed.")
    parser.add_argument("--script", type=Path, help="Play the story of this file alone.")
    parser.add_argument("--first", action="store_true", help="End each job at its first failure.")
    parser.add_argument("--no-shrink", action="store_true", help="Print failures as they were drawn.")
    asked = parser.parse_args()
    if asked.script is not None:
        return retold(story_from(asked.script.read_text(encoding="utf-8")))
    numbers = range(asked.runs) if asked.only is None else [asked.only]
    began = time.monotonic()
    asking = Asking(
        seed=asked.seed, jobs=asked.jobs, shrink=not asked.no_shrink, first=asked.first, tell=asked.only is not None
    )
    failures = played(numbers, asking)
    took_s = time.monotonic() - began
    print(f"seed {asked.seed}: {len(numbers)} runs in {took_s:.0f} s, {failures} failed")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
