"""Asks real vLLM releases and writes what they said: `python -m tests.serving.engine.judge 0.11.0 0.33.0`.

Each release is installed, asked and removed again (`--keep` leaves it for `pytest -m engine`). Writes a row of the
table in docs/engine-parser.md for each, and every disagreement beneath it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from cloudgpu.serving.lint.flag_table import BOOLEANS, Presence, canonical, flags, presence, release_of
from tests.serving.engine.cases import Case, cases, entry_of
from tests.serving.engine.hub_cache import write_models
from tests.serving.engine.install import folder, install, python_of, remove

_INSIDE = Path(__file__).with_name("asked_inside.py")
_OFFLINE = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "CARD_COUNT": "8", "VLLM_LOGGING_LEVEL": "ERROR"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a release said to a case. `refused` None: it was taken; `stage` is where it was refused."""

    case: Case
    stage: str
    refused: str | None

    @property
    def agrees(self) -> bool:
        """Whether it was refused exactly where an error was said."""
        return bool(self.refused) == bool(self.case.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Everything that a release said; `flags` are the spellings of its parser, with whether each stands alone."""

    flags: dict[str, bool]
    verdicts: list[Verdict]


def ask(release: str, asked: list[Case]) -> Said:
    """What an installed release says. Raises CalledProcessError when it cannot be asked."""
    with tempfile.TemporaryDirectory() as models:
        write_models(Path(models))
        lines = [_line(i, each, release) for i, each in enumerate(asked)]
        done = subprocess.run(
            [str(python_of(release)), str(_INSIDE)], env=_environment(release, models), check=True, text=True,
            input="\n".join(map(json.dumps, lines)), stdout=subprocess.PIPE,
        )  # fmt: skip
    first, *said = [json.loads(line) for line in done.stdout.splitlines()]
    verdicts = [Verdict(case=asked[each["id"]], stage=each["stage"], refused=each["refused"]) for each in said]
    return Said(flags=first["flags"], verdicts=verdicts)


def wrong_flags(release: str, theirs: dict[str, bool]) -> list[str]:
    """The flags of which our table says otherwise than the release's own parser, and switches that are none."""
    ours = {flag for flag in flags() if presence(flag, release_of(release)) is Presence.PRESENT}
    named = {name for name in theirs if name.startswith("--") and canonical(name) == name} - {"--help"}
    aliases = {flag for flag in ours if flag.replace("--disable-", "--enable-", 1) in named}
    kinds = {name for name in named & ours if theirs[name] != (name in BOOLEANS)}
    return sorted((ours - named - aliases) | (named - ours) | kinds)


def row(release: str, verdicts: list[Verdict]) -> str:
    """One line of the table: what was written and fixed, what was refused where, what lint saw otherwise."""
    kinds = Counter((each.case.kind, bool(each.refused)) for each in verdicts)
    stages = Counter(each.stage for each in verdicts if each.refused)
    cells = [
        release,
        *(f"{kinds[kind, False]} of {kinds[kind, False] + kinds[kind, True]}" for kind in ("written", "fixed")),
        str(sum(bool(each.case.rules) and bool(each.refused) for each in verdicts)),
        f"{stages['parser']} + {stages['frontend']} + {stages['engine']}",
        str(sum(bool(each.case.rules) and not each.refused for each in verdicts)),
        str(sum(not each.case.rules and bool(each.refused) for each in verdicts)),
    ]
    return f"| {' | '.join(cells)} |"


def _line(index: int, case: Case, release: str) -> dict[str, object]:
    return {"id": index, "words": case.words, "entry": entry_of(release), "parsed_only": case.parsed_only}


def _environment(release: str, models: str) -> dict[str, str]:
    driver = str(folder() / release / "driver")
    return {**os.environ, **_OFFLINE, "HF_HOME": models, "VLLM_CACHE_ROOT": models, "LD_LIBRARY_PATH": driver}


def _one(release: str, keep: bool) -> None:
    install(release)
    said = ask(release, cases(release))
    lines = [row(release, said.verdicts), *(_told(each) for each in said.verdicts if not each.agrees)]
    lines += [f"    the table of flags is wrong about {each}" for each in wrong_flags(release, said.flags)]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    if not keep:
        remove(release)


def _told(verdict: Verdict) -> str:
    case, said = verdict.case, (verdict.refused or "taken").replace("\n", " ")[:400]
    return f"    {case.kind} {' '.join(case.rules)}: {' '.join(case.words)}\n        {verdict.stage}: {said}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("releases", nargs="+")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    for each in options.releases:
        _one(each, options.keep)
