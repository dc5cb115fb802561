"""Commands inside words: what a shell's operators part, and what `sh -c` is given."""

import re
from collections.abc import Iterator

from cloudgpu.serving.lint.service import Word
from cloudgpu.serving.lint.split import split_words

_ENDS = {"&&", "||", ";", "|", "&"}
_REDIRECTION = re.compile(r"^(\d|&)?(>>?|<)(&?\S*)$")
_SHELL = re.compile(r"^(?:\S*/)?(?:ba|da|z)?sh$")
_RUN_THIS = re.compile(r"^-\w*c$")


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
    """The words of the model server where `bash -c "…"` starts it, else the words as they are."""
    for index, word in enumerate(words[:-2]):
        if _SHELL.match(word.text) and _RUN_THIS.match(words[index + 1].text):
            return _server_in(words[index + 2]) or words
    return words


def _server_in(script: Word) -> tuple[Word, ...]:
    try:
        inner = split_words(script.text.replace("\\\n", " "), "", 1, 1)
    except ValueError:
        return ()
    for command in commands_of(tuple(Word(each.text, script.at) for each in inner)):
        texts = [each.text for each in command]
        if any(text.endswith("vllm") or text.startswith("vllm.entrypoints") for text in texts):
            return command
    return ()
