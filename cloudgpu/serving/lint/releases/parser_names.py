"""The names of tool and reasoning parsers that releases have, read in the wheels of the releases that were sampled."""

from cloudgpu.serving.lint.releases.flag_table import Presence, Release
from cloudgpu.serving.lint.releases.sampled_names import SampledNames, read_names

_READ = (Presence.PRESENT, Presence.UNSURE)


def may_exist(flag: str, name: str, release: Release) -> bool:
    """Whether the release can have a parser of that name for `--tool-call-parser` or `--reasoning-parser`."""
    return _names().presence(flag, name, release) in _READ


def is_unheard(flag: str, name: str) -> bool:
    """Whether none of the releases that were read has it."""
    return (flag, name) not in _names().spans


def _names() -> SampledNames:
    return read_names("parser_names.jsonl", "name")
