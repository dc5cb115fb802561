"""The words that a flag takes, release by release, as installed releases said themselves.

Nothing is known before the first release that was asked, after the last, nor where a flag had no choices. Between two
of them a word is refused for certain only if both lack it and another release has it: it is young, or gone.
"""

import json
from functools import cache
from pathlib import Path

from cloudgpu.serving.lint.releases.flag_table import Release, release_of

METHOD = "--quantization"
"""Looked up by the configuration of the model, not by the parser."""

CONNECTOR = "--kv-transfer-config.kv_connector"
"""Looked up as the whole configuration is made."""


def refuses_word(name: str, word: str, release: Release) -> bool:
    """Whether the release refuses the word for certain. Another spelling of a word that it has is not judged."""
    asked = _asked().get(name, {})
    before = [each for each in asked if each <= release]
    after = [each for each in asked if each >= release]
    if not before or not after or _plain(word) == "none":
        return False
    around = asked[max(before)] | asked[min(after)]
    is_heard = release in asked or any(_plain(word) in words for words in asked.values())
    return is_heard and _plain(word) not in around


@cache
def flags_with_choices() -> tuple[str, ...]:
    """The flags whose words the parser itself compares."""
    return tuple(sorted(_asked().keys() - {METHOD, CONNECTOR}))


@cache
def _asked() -> dict[str, dict[Release, frozenset[str]]]:
    text = (Path(__file__).parent / "flag_choices.jsonl").read_text(encoding="utf-8")
    found: dict[str, dict[Release, frozenset[str]]] = {}
    for row in map(json.loads, text.splitlines()[1:]):
        found.setdefault(row["flag"], {})[release_of(row["release"])] = frozenset(map(_plain, row["values"]))
    return found


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")
