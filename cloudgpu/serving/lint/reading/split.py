"""Splits a command line into words as a shell does, and finds where each stands in the file."""

import re
import shlex

from cloudgpu.serving.lint.finding import Place
from cloudgpu.serving.lint.reading.service import Word
from cloudgpu.serving.lint.reading.variables import UNKNOWN

_OPERATORS = frozenset(";&|<>")
_SUBSTITUTION = re.compile(r"\$\((?:[^()]|\([^()]*\))*\)|`[^`]*`")
_BLANK = re.compile(
    r"""'[^']*'|"(?:[^"\\]|\\.)*"|(?<![<\w])(<[A-Za-z][\w-]*(?:[ /.:][A-Za-z_][\w-]*)*>)(?![\w>&])""", re.DOTALL
)
"""What the reader of a guide shall fill in, `<head_node_ip>` or `<your model>`, outside quotes: no redirection."""


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


def before_operators(command: str) -> str:
    """What Compose reads of a command: it is no shell, and stops at the first `;`, `&`, `|`, `<` or `>` outside quotes.

    Source: mattn/go-shellwords, which Compose splits commands with.
    """
    quote, escaped = "", False
    for index, letter in enumerate(command):
        if escaped:
            escaped = False
        elif letter == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in _OPERATORS:
            return command[:index].rstrip("0123456789") if letter in "<>" else command[:index]
    return command


def without_substitutions(command: str) -> str:
    """The command with `$(…)` and backticks as values that nobody can see: what they hold is no word of it."""
    return without_blanks(_SUBSTITUTION.sub(UNKNOWN, command))


def without_blanks(command: str) -> str:
    """The command with `<what the reader fills in>` as values that nobody can see."""
    return _BLANK.sub(lambda found: UNKNOWN if found[1] else found[0], command)


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
