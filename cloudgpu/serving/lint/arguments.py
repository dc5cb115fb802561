"""The words of a command line as the engine's parser takes them: flags with their values, and what belongs to none."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cloudgpu.serving.lint.finding import Place
from cloudgpu.serving.lint.reading.service import Word
from cloudgpu.serving.lint.reading.variables import UNKNOWN
from cloudgpu.serving.lint.releases.flag_table import (
    BOOLEANS,
    SEVERAL,
    Release,
    canonical,
    completions,
    flags,
    short_completions,
)

_ENTRYPOINTS = ("vllm.entrypoints.openai.api_server", "vllm.entrypoints.api_server")
_PROGRAMS = {"vllm", "vllm.entrypoints.cli.main", UNKNOWN}
_TRUTHS = {"true", "false", "1", "0", "yes", "no"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One flag as it was written. `flag` is its full name, `values` its words; `dotted` the key of `--flag.key`."""

    flag: str
    written: str
    values: tuple[str, ...]
    at: Place | None
    dotted: str | None = None
    joined: bool = False

    @property
    def value(self) -> str | None:
        """Its first word; None for a flag that stands alone or whose value nobody can see."""
        return self.values[0] if self.values and UNKNOWN not in self.values[0] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """`model` is the positional one; `subcommand` says that `vllm serve` was typed; `comments` are words after a #.

    `hides_some`: a variable may stand for further arguments that nobody can see.
    """

    flags: tuple[Argument, ...]
    model: Word | None
    subcommand: Word | None
    module: str | None
    comments: tuple[Word, ...]
    strays: tuple[Word, ...]
    hides_some: bool = False

    @property
    def has_unseen(self) -> bool:
        """Whether a variable, or the file behind --config, may hold further arguments."""
        return self.hides_some or self.get("--config") is not None

    def get(self, flag: str) -> Argument | None:
        """The last one of that name: it is the one that counts."""
        return next((each for each in reversed(self.flags) if each.flag == flag), None)

    def value(self, flag: str) -> str | None:
        """Its value, None when it is absent or unknown."""
        found = self.get(flag)
        return found.value if found else None

    def number(self, flag: str) -> float | None:
        """Its value as a number (`131072`, `128k`, `0.9`); None when it is none."""
        return _number(self.value(flag))

    def count(self, flag: str, default: int | None = None) -> int | None:
        """Its value as a whole number."""
        found = self.number(flag)
        return int(found) if found is not None else default

    def has(self, flag: str) -> bool:
        """Whether it is there (and is not its own negation)."""
        found = self.get(flag)
        return found is not None and not found.written.startswith("--no-")

    def json(self, flag: str) -> Any:  # noqa: ANN401  (whatever the JSON holds)
        """Its value as JSON, dotted forms gathered; None when it is absent or no JSON."""
        dotted = {each.dotted: _plain(each.value) for each in self.flags if each.flag == flag and each.dotted}
        if dotted:
            return dotted
        try:
            return json.loads(self.value(flag) or "")
        except ValueError:
            return None


def read_arguments(words: tuple[Word, ...], release: Release) -> Arguments:
    """Reads as argparse does: `--flag value`, `--flag=value`, `_` for `-`, prefixes that mean one flag only."""
    words, subcommand, module = _after_entrypoint(words)
    comments, kept = _without_comments(words)
    found: list[Argument] = []
    strays: list[Word] = []
    positional: Word | None = None
    hides_some = False
    queue = list(kept)
    while queue:
        word = queue.pop(0)
        if _is_flag(word.text):
            found.append(_argument(word, queue, release))
        elif positional is None and not any(each.flag == "--model" for each in found):
            positional = word
            hides_some = UNKNOWN in word.text and bool(found)
        elif UNKNOWN in word.text or word.text.startswith("$"):
            hides_some = True
        else:
            strays.append(word)
    return Arguments(
        flags=tuple(found), model=positional, subcommand=subcommand, module=module, comments=comments,
        strays=tuple(strays), hides_some=hides_some,
    )  # fmt: skip


def _argument(word: Word, queue: list[Word], release: Release) -> Argument:
    written, joined, value = word.text.partition("=")
    flag = _resolved(canonical(written), release)
    _, _, dotted = written[2:].partition(".")
    values = (value,) if joined else tuple(_taken(flag, queue))
    return Argument(
        flag=flag, written=written, values=values, at=word.at, dotted=dotted or None, joined=bool(joined)
    )  # fmt: skip


def _resolved(flag: str, release: Release) -> str:
    if flag in flags():
        return flag
    found = completions(flag, release) if flag.startswith("--") else short_completions(flag, release)
    return found[0] if len(found) == 1 else flag


def _taken(flag: str, queue: list[Word]) -> Iterator[str]:
    """The words that belong to a flag: a switch takes none, but a truth value behind it is meant for it."""
    limit = len(queue) if flag in SEVERAL else 1
    while queue and limit and not _is_flag(queue[0].text):
        if flag in BOOLEANS and queue[0].text.lower() not in _TRUTHS:
            return
        yield queue.pop(0).text
        limit -= 1


def _is_flag(text: str) -> bool:
    return text.startswith("--") or (text.startswith("-") and len(text) > 1 and not _looks_like_a_number(text))


def _looks_like_a_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _after_entrypoint(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], Word | None, str | None]:
    """The words behind `vllm serve`, `-m vllm.entrypoints…` or the module's own file, with what was typed of it."""
    for index, word in enumerate(words[:6]):
        following = words[index + 1] if index + 1 < len(words) else None
        if word.text in _PROGRAMS or word.text.endswith("/vllm"):
            if following and following.text == "serve":
                return words[index + 2 :], following, None
        elif word.text.startswith("-") and word.text.endswith("m") and following and following.text in _ENTRYPOINTS:
            return words[index + 2 :], None, following.text
        elif found := next((each for each in _ENTRYPOINTS if word.text.endswith(_file_of(each))), None):
            return words[index + 1 :], None, found
        if index == 0 and word.text == "serve":
            return words[1:], word, None
    return words, None, None


def _file_of(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


def _without_comments(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """Words from one that begins with # to the next flag were meant as a comment."""
    comments: list[Word] = []
    kept: list[Word] = []
    inside = False
    for word in words:
        inside = word.text.startswith("#") or (inside and not word.text.startswith("--"))
        (comments if inside else kept).append(word)
    return tuple(comments), tuple(kept)


def _number(text: str | None) -> float | None:
    scales = {"k": 1e3, "m": 1e6, "g": 1e9, "K": 1024.0, "M": 1024.0**2, "G": 1024.0**3}
    if not text:
        return None
    scale = scales.get(text[-1], 1.0)
    try:
        return float(text[:-1] if text[-1] in scales else text) * scale
    except ValueError:
        return None


def _plain(text: str | None) -> Any:  # noqa: ANN401  (a JSON value)
    try:
        return json.loads(text or "")
    except ValueError:
        return text
