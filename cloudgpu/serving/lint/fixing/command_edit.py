"""Changes the words of a command as edits ask; every word that no edit names stays where it is."""

from collections.abc import Iterable, Sequence

from cloudgpu.serving.lint.arguments import Argument, Arguments, read_arguments
from cloudgpu.serving.lint.finding import Edit, Place
from cloudgpu.serving.lint.reading.service import Word
from cloudgpu.serving.lint.releases.flag_table import Release


def edited_words(words: Sequence[str], edits: Iterable[Edit], release: Release) -> list[str]:
    """The words after the edits; the order stays, what is new comes last."""
    found = list(words)
    for edit in dict.fromkeys(edits):
        args = read_arguments(tuple(Word(text, Place(1, index)) for index, text in enumerate(found)), release)
        found = _without_comments(found, args) if edit.flag == "#" else _edited(found, args.get(edit.flag), edit)
    return found


def _without_comments(words: list[str], args: Arguments) -> list[str]:
    dropped = {word.at.column for word in args.comments if word.at}
    return [word for index, word in enumerate(words) if index not in dropped]


def _edited(words: list[str], old: Argument | None, edit: Edit) -> list[str]:
    new = _written(edit, old)
    if old is None or old.at is None:
        return [*words, *new]
    start = old.at.column
    return [*words[:start], *new, *words[start + (1 if old.joined else 1 + len(old.values)) :]]


def _written(edit: Edit, old: Argument | None) -> list[str]:
    """The flag as it was spelt, its new value the way the old one stood; nothing where the edit takes it out."""
    name = edit.rename or (old.written if old else edit.flag)
    if edit.bare:
        return [name]
    if edit.value is None:
        return []
    return [f"{name}={edit.value}"] if old and old.joined else [name, edit.value]
