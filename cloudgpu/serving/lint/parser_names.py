"""The names of tool and reasoning parsers that releases have, read in the wheels of the two releases at the ends."""

import json
from functools import cache
from pathlib import Path

from cloudgpu.serving.lint.flag_table import NEWEST, Release, release_of

OLDEST_READ = "0.11.0"


def may_exist(flag: str, name: str, release: Release) -> bool:
    """Whether the release can have a parser of that name for `--tool-call-parser` or `--reasoning-parser`.

    Up to the first release that was read names only came. Between the two a name is missing only when neither has it.
    """
    if release <= release_of(OLDEST_READ):
        return name in _names(OLDEST_READ, flag)
    if release >= release_of(NEWEST):
        return name in _names(NEWEST, flag)
    return not is_unheard(flag, name)


def is_unheard(flag: str, name: str) -> bool:
    """Whether neither of the releases that were read has it."""
    return name not in _names(OLDEST_READ, flag) | _names(NEWEST, flag)


@cache
def _names(release: str, flag: str) -> frozenset[str]:
    text = (Path(__file__).parent / "parser_names.json").read_text(encoding="utf-8")
    return frozenset(json.loads(text)[release][flag])
