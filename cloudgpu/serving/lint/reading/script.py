"""Commands inside words: what a shell's operators part, and what `sh -c` is given."""

import re
import shlex
from collections.abc import Iterator

from cloudgpu.serving.lint.reading.service import Word
from cloudgpu.serving.lint.reading.shell_text import logical_lines
from cloudgpu.serving.lint.reading.split import without_substitutions

_ENDS = {"&&", "||", ";", "|", "&"}
_REDIRECTION = re.compile(r"^(\d|&)?(>>?|<)(&?\S*)$")
_SHELL = re.compile(r"^(?:\S*/)?(?:ba|da|z)?sh$")
_RUN_THIS = re.compile(r"^-[a-z]*c[a-z]*$")
_SERVER = re.compile(r"\bvllm\s+serve\b|\bvllm\.entrypoints\b")


def commands_of(words: tuple[Word, ...]) -> Iterator[tuple[Word, ...]]:
    """The commands that `&&`, `|`, `;` and `&` part, each without its redirections."""
    current: list[Word] = []
    skip = False
    for word in words:
        found = _REDIRECTION.match(word.text)
        if skip or found:
            skip = bool(found and not found[3])
        elif word.text in _ENDS or word.text.endswith(";"):
            yield (*current, *([Word(word.text[:-1], word.at)] if word.text not in _ENDS else []))
            current = []
        else:
            current.append(word)
    yield tuple(current)


def unwrapped(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words of the model server where `bash -c "…"` starts it, or a word that is a whole command line, else as is.

    The second form is that of `tmux new-session -d "…"`.
    """
    wrapped = wrapping(words)
    if wrapped is not None:
        return _server_in(wrapped) or words
    for word in words[1:]:
        if " " in word.text and _SERVER.search(word.text) and not word.text.startswith("-"):
            return _server_in(word) or words
    return words


def wrapping(words: tuple[Word, ...]) -> Word | None:
    """What a shell among the words is given to run by `-c`; None without one."""
    start = next((index for index, word in enumerate(words) if _SHELL.match(word.text)), len(words))
    rest = words[start + 1 :]
    options = next((index for index, word in enumerate(rest) if not word.text.startswith("-")), len(rest))
    runs = any(_RUN_THIS.match(word.text) for word in rest[:options])
    return rest[options] if runs and options < len(rest) else None


def _server_in(script: Word) -> tuple[Word, ...]:
    """The first command of a script that starts a server; its lines end commands, and its comments are comments."""
    for _, line in logical_lines(script.text):
        try:
            texts = shlex.split(without_substitutions(line.replace("\\\n", " ")), comments=True)
        except ValueError:
            continue
        for command in commands_of(tuple(Word(each, script.at) for each in texts)):
            if _SERVER.search(" ".join(each.text for each in command)):
                return command
    return ()
