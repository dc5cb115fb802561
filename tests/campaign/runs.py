"""A campaign's command line: many runs over several processes, and what is printed of them."""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from tests.campaign.game import D, Game, Plays
from tests.campaign.shrink import shrunk

_PLACE_BYTES = 4


def main(game: Game[D], about: str) -> int:
    """Parse, play, report; 1 when something broke. `about` is the program's docstring, which begins with its name."""
    parser = argparse.ArgumentParser(prog=about.split("`")[1].partition(" --")[0], description=about)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0, help="The number of the first run.")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", type=int, help="Play the run of this number alone, and show what is typed.")
    parser.add_argument("--script", type=Path, help="Play what this file holds alone, and show what is typed.")
    parser.add_argument("--first", action="store_true", help="End each job at its first failure.")
    parser.add_argument("--no-shrink", action="store_true", help="Print failures as they were drawn.")
    asked = parser.parse_args()
    drawn = _drawn(game, asked)
    campaign = _Campaign(game, asked, tell=asked.only is not None or asked.script is not None)
    began = time.monotonic()
    failures = campaign.played(drawn)
    print(f"{campaign.source()}: {len(drawn)} runs in {time.monotonic() - began:.0f} s, {failures} failed")
    return int(failures > 0)


def _drawn(game: Game[D], asked: argparse.Namespace) -> list[D]:
    if asked.script is not None:
        return [game.read(asked.script.read_text(encoding="utf-8"))]
    numbers = range(asked.start, asked.start + asked.runs) if asked.only is None else [asked.only]
    return [game.draw(asked.seed, number) for number in numbers]


@dataclass(frozen=True, slots=True)
class _Campaign(Generic[D]):
    """A game as it was asked for on the command line; `tell` prints every step."""

    game: Game[D]
    asked: argparse.Namespace
    tell: bool

    def played(self, drawn: Sequence[D]) -> int:
        """Play them, each job the next one whenever it is free; how many failed. A job that died is a failure."""
        jobs = min(self.asked.jobs, len(drawn))
        if jobs <= 1:
            return self._share(drawn)
        (takes, gives), (reads, writes) = os.pipe(), os.pipe()
        for job in range(jobs):
            if os.fork() == 0:
                os.close(gives)
                _stay(job)
                os.write(writes, f"{self._share(_taken(takes, drawn))}\n".encode())
                os._exit(0)
        os.close(takes)
        os.close(writes)
        _give(gives, len(drawn))
        with os.fdopen(reads) as told:
            counts = [int(line) for line in told]
        for _ in range(jobs):
            os.wait()
        return sum(counts) + (jobs - len(counts))

    def source(self, number: int | None = None) -> str:
        """Where it comes from, as it would be typed again."""
        if self.asked.script is not None:
            return f"--script {self.asked.script}"
        return f"--seed {self.asked.seed}" + ("" if number is None else f" --only {number}")

    def _share(self, drawn: Iterable[D]) -> int:
        stage, failures = self.game.stage(), 0
        try:
            for each in drawn:
                failures += self._broke(stage, each)
                if failures and self.asked.first:
                    break
        finally:
            stage.close()
        return failures

    def _broke(self, stage: Plays[D], drawn: D) -> bool:
        """Play one and print its failure as it happens."""
        told = stage.play(drawn)
        if self.tell:
            print("\n".join([drawn.as_text(), *told.lines]))
        if told.broken:
            shortest = drawn if self.asked.no_shrink else shrunk(self.game, stage, drawn, told.broken[0])
            lines = [f"FAILED {self.source(drawn.number)}", *(f"  {each}" for each in told.broken)]
            sys.stdout.write("\n".join([*lines, "  " + shortest.as_text(), ""]))
            sys.stdout.flush()
        return bool(told.broken)


def _give(gives: int, count: int) -> None:
    """Lay out the places 0 to count - 1, for whoever is free to take; nobody may be left who would."""
    with suppress(BrokenPipeError):
        for place in range(count):
            os.write(gives, place.to_bytes(_PLACE_BYTES))
    os.close(gives)


def _taken(takes: int, drawn: Sequence[D]) -> Iterator[D]:
    while place := os.read(takes, _PLACE_BYTES):
        yield drawn[int.from_bytes(place)]


def _stay(job: int) -> None:
    """Keep a job to one processor: its processes run one at a time, so the next one finds everything warm there."""
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[job % len(processors)]})
