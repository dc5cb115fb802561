"""Writes the corrected file: what its findings would change, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloudgpu.serving.lint.case import Host
from cloudgpu.serving.lint.check import case_of, lint
from cloudgpu.serving.lint.finding import Edit, Finding
from cloudgpu.serving.lint.fixing.command_edit import edited_words
from cloudgpu.serving.lint.fixing.compose_edit import with_command, with_key, with_variable, without_variable
from cloudgpu.serving.lint.reading.compose import read_compose
from cloudgpu.serving.lint.reading.yaml_text import NotEditableError
from cloudgpu.serving.lint.releases.flag_table import Release

_ROUNDS = 20
_WEIGHED = ("V30", "V29", "V28", "V44", "V11")
"""The rules of memory, the context last. Each is asked anew after the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The text after, and a sentence for each change that could not be made safely."""

    text: str
    left: tuple[str, ...] = ()


def fixed(
    text: str, name: str, *, variables: Mapping[str, str], host: Host | None, version: str | None,
    folder: Path | None = None,
) -> Correction:  # fmt: skip
    """The compose file with the edits of its findings made, again until none is left that can be made.

    A file of commands is given back as it is: what stands around a command cannot be written again safely.
    """
    found = Correction(text=text)
    for _ in range(_ROUNDS):
        report = lint(found.text, name, variables=variables, host=host, version=version, folder=folder)
        again = _once(found.text, report.findings, variables, version)
        if again.text == found.text:
            return again
        found = again
    return found


def _once(text: str, findings: Sequence[Finding], variables: Mapping[str, str], version: str | None) -> Correction:
    """All that needs no weighing at once; where there is nothing of it, the first that weighs."""
    others = [each for each in findings if each.rule not in _WEIGHED]
    weighed = sorted((each for each in findings if each.rule in _WEIGHED), key=lambda each: _WEIGHED.index(each.rule))
    left: tuple[str, ...] = ()
    for some in (others, *([each] for each in weighed)):
        done = _applied(text, some, variables, version)
        left += done.left
        if done.text != text:
            return Correction(text=done.text, left=left)
    return Correction(text=text, left=left)


def _applied(text: str, findings: Sequence[Finding], variables: Mapping[str, str], version: str | None) -> Correction:
    services = read_compose(text, variables)
    left: list[str] = []
    for service in reversed(services):
        release = case_of(service, services, None, version).release
        mine = [each for each in findings if each.service == service.name]
        of_command = [edit for each in mine for edit in each.edits if not (edit.environment or edit.key)]
        of_others = [edit for each in mine for edit in each.edits if edit.environment or edit.key]
        for edits in (*([edit] for edit in dict.fromkeys(of_others)), of_command):
            try:
                text = _edited(text, service.name, edits, release)
            except NotEditableError as why:
                rules = ", ".join(dict.fromkeys(each.rule for each in mine if set(each.edits) & set(edits)))
                left.append(f"{service.name}: {rules} is left to you: {why}")
    return Correction(text=text, left=tuple(left))


def _edited(text: str, service: str, edits: Sequence[Edit], release: Release) -> str:
    if not edits:
        return text
    first = edits[0]
    if first.key:
        return with_key(text, service, first.flag, first.rename or first.flag)
    if not first.environment:
        return with_command(text, service, lambda words: edited_words(words, edits, release))
    if first.value is None:
        return without_variable(text, service, first.flag)
    return with_variable(text, service, first.flag, first.value)
