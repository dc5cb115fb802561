"""Writes the corrected file: commands whose arguments change are written as lists, everything else stays as it is."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

import yaml

from cloudgpu.serving.lint.arguments import Argument, read_arguments
from cloudgpu.serving.lint.case import Host
from cloudgpu.serving.lint.check import case_of, lint
from cloudgpu.serving.lint.compose import read_compose
from cloudgpu.serving.lint.finding import Edit, Finding
from cloudgpu.serving.lint.service import Word

_ROUNDS = 4
_PLAIN = re.compile(r"^[\w./:${}=-]+$")


def fixed(text: str, name: str, *, variables: Mapping[str, str], host: Host | None, version: str | None) -> str:
    """The compose file with every edit of its findings made, again until none is left to make.

    A file of commands is given back as it is: what stands around a command cannot be written again safely.
    """
    for _ in range(_ROUNDS):
        report = lint(text, name, variables=variables, host=host, version=version)
        again = _once(text, report.findings, variables, version)
        if again == text:
            return text
        text = again
    return text


def _once(text: str, findings: Sequence[Finding], variables: Mapping[str, str], version: str | None) -> str:
    services = read_compose(text, variables)
    for service in reversed(services):
        edits = [edit for each in findings if each.service == service.name for edit in each.edits]
        release = case_of(service, services, None, version).release
        text = _with_environment(text, service.name, [edit for edit in edits if edit.environment])
        of_command = [edit for edit in edits if not edit.environment]
        if of_command:
            text = _rewritten(text, service.name, of_command, release)
    return text


def _rewritten(text: str, service: str, edits: Sequence[Edit], release: tuple[int, ...]) -> str:
    node = _node(text, "services", service, "command")
    if node is None:
        return text
    indent = " " * (_key_column(text, service) + 2)
    body = "".join(f"{indent}- {_scalar(word)}\n" for word in apply_edits(_raw_words(node), edits, release))
    end = node.end_mark.index
    line = text.rfind("\n", 0, end) + 1
    tail = text[line:] if not text[line:end].strip() else text[end:].lstrip("\n")
    return f"{text[: node.start_mark.index].rstrip()}\n{body}{tail}"


def apply_edits(words: Sequence[str], edits: Iterable[Edit], release: tuple[int, ...]) -> list[str]:
    """The words of a command after the edits; the order stays, what is new comes last."""
    args = read_arguments(tuple(Word(each) for each in words), release)
    head = list(words[: _head_length(words, args.flags)])
    kept = list(args.flags)
    added: list[str] = []
    for edit in dict.fromkeys(edits):
        at = next((i for i in reversed(range(len(kept))) if kept[i].flag == edit.flag), None)
        if at is None and edit.flag != "#" and (edit.bare or edit.value is not None):
            added += _written(edit.flag, edit)
        elif at is not None:
            kept[at : at + 1] = _edited(kept[at], edit)
    return [*head, *(word for each in kept for word in _words_of(each)), *added]


def _edited(old: Argument, edit: Edit) -> list[Argument]:
    if edit.value is None and not edit.bare:
        return []
    values = () if edit.bare else (edit.value or "",)
    return [Argument(flag=edit.rename or old.flag, written=edit.rename or old.flag, values=values, at=old.at)]


def _written(flag: str, edit: Edit) -> list[str]:
    return [edit.rename or flag, *([] if edit.bare else [edit.value or ""])]


def _words_of(argument: Argument) -> list[str]:
    if argument.joined:
        return [f"{argument.written}={argument.values[0]}"]
    return [argument.written, *argument.values]


def _head_length(words: Sequence[str], flags: Sequence[Argument]) -> int:
    return next((i for i, word in enumerate(words) if flags and word.split("=")[0] == flags[0].written), len(words))


def _raw_words(node: yaml.Node) -> list[str]:
    if isinstance(node, yaml.SequenceNode):
        return [str(item.value) for item in node.value]
    return shlex.split(str(node.value), comments=False)


def _scalar(word: str) -> str:
    """The word as YAML that is read back as this very text: Compose refuses numbers in a command."""
    if _PLAIN.match(word) and yaml.safe_load(f"- {word}") == [word]:
        return word
    return json.dumps(word) if "'" in word else f"'{word}'"


def _with_environment(text: str, service: str, edits: Sequence[Edit]) -> str:
    for edit in dict.fromkeys(edits):
        node = _node(text, "services", service, "environment")
        if edit.value is None:
            text = text if node is None else _without_variable(text, node, edit.flag)
        else:
            text = _with_variable(text, service, node, edit.flag, edit.value)
    return text


def _without_variable(text: str, node: yaml.Node, name: str) -> str:
    first, last = node.start_mark.line, node.end_mark.line
    lines = text.splitlines(keepends=True)
    pattern = re.compile(rf"^\s*(- *)?[\"']?{re.escape(name)}[\"']?\s*[:=]")
    return "".join(row for i, row in enumerate(lines) if not (first <= i <= last and pattern.match(row)))


def _with_variable(text: str, service: str, node: yaml.Node | None, name: str, value: str) -> str:
    column = _key_column(text, service)
    if node is None:
        spot = _line_start(text, _pairs_of(text, service)[0][0].start_mark.index)
        return f"{text[:spot]}{' ' * column}environment:\n{' ' * (column + 2)}{name}: {value}\n{text[spot:]}"
    spot = _line_start(
        text, node.value[0].start_mark.index if isinstance(node, yaml.SequenceNode) else node.start_mark.index
    )
    indent = text[spot : spot + len(text[spot:]) - len(text[spot:].lstrip(" "))]
    row = f"{indent}- {name}={value}\n" if isinstance(node, yaml.SequenceNode) else f"{indent}{name}: {value}\n"
    return text[:spot] + row + text[spot:]


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _key_column(text: str, service: str) -> int:
    return _pairs_of(text, service)[0][0].start_mark.column


def _pairs_of(text: str, service: str) -> list[tuple[yaml.Node, yaml.Node]]:
    node = _node(text, "services", service)
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def _node(text: str, *names: str) -> yaml.Node | None:
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    for name in names:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for key, value in pairs if key.value == name), None)
    return node
