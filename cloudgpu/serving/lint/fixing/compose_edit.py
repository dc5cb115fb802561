"""Changes one thing in the text of a compose file; comments, anchors and all other places stay as they are.

Every change is read again: a text that says anything else than what was asked for is not given back.
"""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

import yaml

from cloudgpu.serving.lint.arguments import read_arguments
from cloudgpu.serving.lint.reading.script import unwrapped, wrapping
from cloudgpu.serving.lint.reading.service import Word
from cloudgpu.serving.lint.reading.split import before_operators
from cloudgpu.serving.lint.reading.yaml_nodes import meant, pair_of, pairs_of, root_of
from cloudgpu.serving.lint.reading.yaml_text import NotEditableError, Sheet
from cloudgpu.serving.lint.releases.flag_table import NEWEST, release_of

_SPLIT_VARIABLE = re.compile(r"\$\{[^}]*\s")
"""Compose puts its value in before it splits the line; a list's items are split already."""


def with_command(text: str, service: str, change: Callable[[list[str]], list[str]]) -> str:
    """The text with the words of the command changed: a list stays one of its form, a line becomes a list."""
    body, node = _body(text, service), _service(text, service)
    found = pair_of(node, "command")
    value = found[1] if found else None
    old = _words_of(body.get("command"), meant(value) if value else None)
    new = change(old)
    sheet = Sheet(text)
    if isinstance(value, yaml.SequenceNode):
        _change_items(sheet, value, new)
    elif new == old:
        return text
    elif found is None:
        sheet.insert_pair(node, "command", new)
    else:
        sheet.replace_value(node, *found, new)
    return _checked(text, str(sheet), service, {**body, "command": new})


def with_variable(text: str, service: str, name: str, value: str) -> str:
    """The text with a variable more in the environment of a service."""
    body, node = _body(text, service), _service(text, service)
    old, found = body.get("environment"), pair_of(node, "environment")
    wanted = [f"{name}={value}", *old] if isinstance(old, list) else {name: value, **(old or {})}
    sheet = Sheet(text)
    if found is None:
        sheet.insert_pair(node, "environment", wanted)
    elif isinstance(found[1], yaml.CollectionNode) and found[1].value:
        sheet.insert_first(found[1], f"{name}={value}" if isinstance(old, list) else (name, value))
    else:
        sheet.replace_value(node, *found, wanted)
    return _checked(text, str(sheet), service, {**body, "environment": wanted})


def without_variable(text: str, service: str, name: str) -> str:
    """The text without a variable in the environment of a service, and without an environment where it was the last."""
    body, node = _body(text, service), _service(text, service)
    old, found = body.get("environment"), pair_of(node, "environment")
    if isinstance(old, Mapping):
        wanted: Any = {key: value for key, value in old.items() if key != name}
    else:
        wanted = [each for each in old or () if str(each).partition("=")[0] != name]
    if found is None or wanted == old or not isinstance(found[1], yaml.CollectionNode):
        raise NotEditableError(f"{name} is set somewhere else")
    sheet = Sheet(text)
    if not wanted:
        sheet.remove(node, [key.value for key, _ in pairs_of(node)].index("environment"))
        return _checked(text, str(sheet), service, {key: each for key, each in body.items() if key != "environment"})
    for index in reversed(range(len(found[1].value))):
        entry = found[1].value[index]
        written = entry[0] if isinstance(entry, tuple) else meant(entry)
        if str(written.value).partition("=")[0] == name:
            sheet.remove(found[1], index)
    return _checked(text, str(sheet), service, {**body, "environment": wanted})


def with_key(text: str, service: str, old: str, new: str) -> str:
    """The text with another name for a key of a service."""
    body, found = _body(text, service), pair_of(_service(text, service), old)
    if found is None or new in body:
        raise NotEditableError(f"`{old}` stands somewhere else, or beside `{new}`")
    sheet = Sheet(text)
    sheet.replace(found[0].start_mark.index, found[0].end_mark.index, new)
    return _checked(
        text, str(sheet), service, {new if key == old else key: value for key, value in body.items()}
    )  # fmt: skip


def _checked(before: str, after: str, service: str, wanted: Mapping[str, Any]) -> str:
    """The text after, if it says what it said with this service instead. Raises NotEditableError."""
    body = yaml.safe_load(before)
    expected = {**body, "services": {**body["services"], service: wanted}}
    try:
        found = yaml.safe_load(after)
    except yaml.YAMLError:
        found = None
    if found != expected:
        raise NotEditableError("other places share it by an anchor, or its form cannot be kept")
    return after


def _service(text: str, service: str) -> yaml.MappingNode:
    services = pair_of(root_of(text), "services")
    found = pair_of(services[1], service) if services else None
    if found is None or not isinstance(found[1], yaml.MappingNode):
        raise NotEditableError("the service is an alias")
    return found[1]


def _body(text: str, service: str) -> Mapping[str, Any]:
    body: Mapping[str, Any] = yaml.safe_load(text)["services"][service]
    return body


def _words_of(value: object, node: yaml.Node | None) -> list[str]:
    if value is None:
        raise NotEditableError("it has no command")
    if isinstance(value, list):
        words = [_text_of(each) for each in (node.value if node else value)]
    else:
        words = shlex.split(before_operators(str(value)), comments=False)
        hides_some = read_arguments(tuple(map(Word, words)), release_of(NEWEST)).hides_some
        if hides_some or _SPLIT_VARIABLE.search(str(value)):
            raise NotEditableError("a variable may stand for several words")
    told = tuple(map(Word, words))
    if wrapping(told) or unwrapped(told) != told:
        raise NotEditableError("a shell starts the server inside it")
    return words


def _text_of(item: object) -> str:
    """An item as it was written: what YAML takes for a number is meant as a text."""
    if isinstance(item, yaml.Node):
        item = meant(item)
        if isinstance(item, yaml.ScalarNode) and not item.tag.endswith(":null"):
            return str(item.value)
        raise NotEditableError(f"line {item.start_mark.line + 1} holds an item that is no text")
    if isinstance(item, str):
        return item
    raise NotEditableError("an item of the command is no text")


def _change_items(sheet: Sheet, node: yaml.SequenceNode, new: Sequence[str]) -> None:
    """Only the items that differ are written anew; what YAML does not read as text differs."""
    old = [meant(item).value if meant(item).tag.endswith(":str") else None for item in node.value]
    for kind, first, last, start, end in reversed(SequenceMatcher(None, old, new, autojunk=False).get_opcodes()):
        if kind == "equal":
            continue
        both = min(last - first, end - start)
        if end - start > both:
            sheet.insert_items(node, last, new[start + both : end])
        if last > first + both:
            sheet.remove(node, first + both, last)
        for index in reversed(range(both)):
            sheet.replace_item(node, first + index, new[start + index])
