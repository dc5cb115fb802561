"""The keys that flags with JSON know, read in the config classes of the releases that were sampled."""

from collections.abc import Iterator, Mapping

from cloudgpu.serving.lint.releases.flag_table import NEWEST, Presence, Release, release_of
from cloudgpu.serving.lint.releases.sampled_names import SampledNames, read_names

_FORBIDDEN_SINCE = (0, 16, 0)
"""The first sample whose config classes all refuse a key that they do not know; most of 0.15.1's pass over it."""

_FORBIDDEN_EARLIER = {"--compilation-config": (0, 14, 1)}
"""Flags whose classes refused it before: 0.14.1 was asked, 0.15.1 read."""

_NESTED = "--compilation-config.pass_config"


def refused_keys(flag: str, written: Mapping[str, object], release: Release) -> Iterator[str]:
    """The keys of a flag's JSON, or of its dotted form, that the release refuses for certain."""
    since = _FORBIDDEN_EARLIER.get(flag, _FORBIDDEN_SINCE)
    if not since <= release <= release_of(NEWEST) or flag not in flags_with_keys():
        return
    for key, value in written.items():
        name, _, below = key.rstrip("+").replace("-", "_").partition(".")
        if _is_refused(flag, name, release):
            yield name
        elif f"{flag}.{name}" == _NESTED:
            inner = [below] if below else list(value) if isinstance(value, dict) else []
            yield from (each for each in inner if _is_refused(_NESTED, each.partition(".")[0], release))


def flags_with_keys() -> frozenset[str]:
    """The flags whose keys are known."""
    return frozenset(flag for flag, _ in _names().spans)


def _is_refused(flag: str, key: str, release: Release) -> bool:
    return _names().presence(flag, key, release) in (None, Presence.REMOVED, Presence.NOT_YET)


def _names() -> SampledNames:
    return read_names("config_keys.jsonl", "key")
