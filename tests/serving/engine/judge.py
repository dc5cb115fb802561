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
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudgpu.serving.lint.releases.flag_table import BOOLEANS, Presence, canonical, flags, presence, release_of
from tests.serving.engine.cases import Case, cases, entry_of
from tests.serving.engine.hub_cache import write_models
from tests.serving.engine.install import folder, install, python_of, remove

_INSIDE = Path(__file__).with_name("asked_inside.py")
_OFFLINE = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "CARD_COUNT": "8", "VLLM_LOGGING_LEVEL": "ERROR"}
_COMPILED_ONCE = {"PYTHONDONTWRITEBYTECODE": ""}
"""An engine imports thousands of modules, which uv leaves uncompiled: without this each asking compiles them anew."""

_NOT_OF_THE_TABLE = {"--help", "--disable-log-requests"}
"""What a row of the table cannot say: `vllm serve` reads --help before its parser, and the other came back (V43)."""

LIMIT_S = 1800
"""A release that takes longer hangs: one takes a minute of processor time, and took six on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a release said to a case. `refused` None: it was taken; `stage` is where it was refused."""

    case: Case
    stage: str
    refused: str | None

    @property
    def agrees(self) -> bool:
        """Whether it was refused exactly where an error was said. A package that is missing here says nothing."""
        return _is_of_the_environment(self.refused) or bool(self.refused) == bool(self.case.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Everything that a release said; `flags` are the spellings of its parser, with whether each stands alone."""

    flags: dict[str, bool]
    verdicts: list[Verdict]


def ask(release: str, asked: list[Case], *, tell: Callable[[str], object]) -> Said:
    """What an installed release says; `tell` is told how far it is. Raises RuntimeError when it cannot be asked."""
    theirs: dict[str, bool] = {}
    verdicts: list[Verdict] = []
    for each in _lines_of(release, asked):
        if "flags" in each:
            theirs = each["flags"]
            tell(f"{release}: its parser is loaded, {len(asked)} cases to ask\n")
            continue
        verdicts.append(Verdict(case=asked[each["id"]], stage=each["stage"], refused=each["refused"]))
        if not verdicts[-1].agrees or len(verdicts) % 20 == 0:
            tell(f"{release}: {len(verdicts)} of {len(asked)} asked{_unlike(verdicts[-1])}\n")
    return Said(flags=theirs, verdicts=verdicts)


def wrong_flags(release: str, theirs: dict[str, bool]) -> list[str]:
    """The flags of which our table says otherwise than the release's own parser, and switches that are none."""
    ours = {flag for flag in flags() if presence(flag, release_of(release)) is Presence.PRESENT} - _NOT_OF_THE_TABLE
    named = {name for name in theirs if name.startswith("--") and canonical(name) == name} - _NOT_OF_THE_TABLE
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


def _lines_of(release: str, asked: list[Case]) -> Iterator[dict[str, Any]]:
    """What asked_inside.py writes, each line as it comes."""
    with tempfile.TemporaryDirectory() as models:
        write_models(Path(models))
        questions = Path(models) / "cases"
        questions.write_text("\n".join(json.dumps(_line(i, each, release)) for i, each in enumerate(asked)))
        with questions.open() as reading, subprocess.Popen(
            [str(python_of(release)), str(_INSIDE)], env=_environment(release, models), text=True, stdin=reading,
            stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            limit = threading.Timer(LIMIT_S, process.kill)
            limit.start()
            try:
                yield from map(json.loads, process.stdout or ())
                process.wait()
            finally:
                limit.cancel()
                process.kill()
    if process.returncode:
        raise RuntimeError(f"{release} could not be asked, or not within {LIMIT_S} s: status {process.returncode}")


def _is_of_the_environment(refused: str | None) -> bool:
    """Whether a package is missing that the release's image has, and no module of the engine's own."""
    said = refused or ""
    return said.startswith("ModuleNotFoundError: ") and "'vllm" not in said


def _unlike(verdict: Verdict) -> str:
    return "" if verdict.agrees else f"; {'refused' if verdict.refused else 'taken'}, unlike lint: {verdict.case.words}"


def _line(index: int, case: Case, release: str) -> dict[str, object]:
    return {"id": index, "words": case.words, "entry": entry_of(release), "parsed_only": case.parsed_only}


def _environment(release: str, models: str) -> dict[str, str]:
    driver = str(folder() / release / "driver")
    return {
        **os.environ,
        **_OFFLINE,
        **_COMPILED_ONCE,
        "HF_HOME": models,
        "VLLM_CACHE_ROOT": models,
        "LD_LIBRARY_PATH": driver,
    }


def _one(release: str, keep: bool) -> None:
    install(release)
    said = ask(release, cases(release), tell=sys.stderr.write)
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
