"""Splits a command line into words as a shell does, and finds where each stands in the file."""

import shlex

from cloudgpu.serving.lint.finding import Place
from cloudgpu.serving.lint.service import Word


def split_words(command: str, raw: str, line: int, column: int) -> tuple[Word, ...]:
    """The words of a command. `raw` is how it stands in the file from (line, column) on.

    Raises ValueError for a quote that is never closed.
    """
    words, found = [], 0
    for text in shlex.split(command, comments=False):
        spot = _spot(raw, text, found)
        if spot is None:
            words.append(Word(text))
            continue
        found = spot + len(text)
        words.append(Word(text, place_of(raw, spot, line, column)))
    return tuple(words)


def place_of(raw: str, spot: int, line: int, column: int) -> Place:
    """The place of a character of `raw`, which begins at (line, column)."""
    before = raw[:spot]
    breaks = before.count("\n")
    return Place(line + breaks, spot - before.rfind("\n") if breaks else column + spot)


def _spot(raw: str, text: str, since: int) -> int | None:
    """Where the word begins: whole, or its beginning when quotes inside it were taken off."""
    for piece in (text, text[:12].split("'")[0].split('"')[0]):
        spot = raw.find(piece, since) if piece else -1
        if spot >= 0:
            return spot
    return None
