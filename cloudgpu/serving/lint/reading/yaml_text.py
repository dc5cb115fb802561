"""The text of a YAML file, changed at the places of its nodes in the file's own style: flow or block, line by line.

Changes are made from the end of the text to its beginning, or each on a fresh tree: places before one stay true.
"""

import json
import re
from collections.abc import Mapping, Sequence

import yaml

from cloudgpu.serving.lint.reading.yaml_nodes import spans_of

_PLAIN = re.compile(r"^[\w./:${}=?-]+( [\w./:${}=?-]+)*$")
_ROW = re.compile(r"[ \t]*(-[ \t]+)?$")
Content = Sequence[str] | Mapping[str, object]


class NotEditableError(Exception):
    """A change cannot be made without touching something else; the text says why."""


def scalar_of(value: object, *, flow: bool = False) -> str:
    """A value as YAML that is read back as this very value: Compose refuses numbers in a command."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, default=str)
    if _PLAIN.match(value) and _reads_back(f"[{value}]" if flow else f"- {value}", [value]):
        return value
    return f"'{value}'" if "'" not in value and value.isprintable() else json.dumps(value, ensure_ascii=False)


def flow_of(content: Content) -> str:
    """A list or a mapping of scalars in one line."""
    if isinstance(content, Mapping):
        pairs = (f"{scalar_of(key, flow=True)}: {scalar_of(value, flow=True)}" for key, value in content.items())
        return f"{{{', '.join(pairs)}}}"
    return f"[{', '.join(scalar_of(each, flow=True) for each in content)}]"


class Sheet:
    """A text that is being changed; `str()` gives it as it stands."""

    def __init__(self, text: str) -> None:
        """Every new line ends as the text's first does."""
        self._text = text
        self._break = "\r\n" if "\r\n" in text else "\n"

    def __str__(self) -> str:
        """The text as it stands."""
        return self._text

    def replace(self, start: int, end: int, new: str) -> None:
        """Put `new` in the place of these characters."""
        self._text = self._text[:start] + new + self._text[end:]

    def replace_item(self, node: yaml.SequenceNode, index: int, word: str) -> None:
        """Put another text in the place of an item; a comment behind it stays."""
        start, end = self._span(node, index)
        self.replace(start, end, scalar_of(word, flow=_is_flow(node)))

    def insert_first(self, node: yaml.CollectionNode, entry: str | tuple[str, str]) -> None:
        """Put an item, or a key with its value, before the first of a collection that is not empty."""
        words = entry if isinstance(entry, tuple) else (entry,)
        self._insert_before(node, 0, ": ".join(scalar_of(word, flow=_is_flow(node)) for word in words))

    def insert_items(self, node: yaml.SequenceNode, index: int, words: Sequence[str]) -> None:
        """Put items before the one at `index`, or behind the last."""
        flow = _is_flow(node)
        if index < len(node.value):
            for word in reversed(words):
                self._insert_before(node, index, scalar_of(word, flow=flow))
        elif not flow and node.value:
            start, end = self._span(node, index - 1)
            self._insert_rows(self._next_line(end), [self._lead(start) + scalar_of(word) for word in words])
        else:
            end = self._span(node, index - 1)[1] if node.value else node.end_mark.index - 1
            new = ", ".join(scalar_of(word, flow=flow) for word in words)
            self.replace(end, end, f", {new}" if node.value else new)

    def remove(self, node: yaml.CollectionNode, first: int, last: int | None = None) -> None:
        """Take entries out, up to `last` without it (None: one), in block style with their lines and comments."""
        spans, last = spans_of(node), first + 1 if last is None else last
        if not _is_flow(node):
            for start, end in (self._span(node, index) for index in reversed(range(first, last))):
                self._lead(start)
                self.replace(self._line(start), self._next_line(end), "")
        elif last < len(spans):
            self.replace(spans[first][0], spans[last][0], "")
        else:
            self.replace(spans[first - 1][1] if first else spans[first][0], spans[last - 1][1], "")

    def insert_pair(self, node: yaml.MappingNode, key: str, content: Content) -> None:
        """Put a key with a list or a mapping before the first of a mapping."""
        start = self._span(node, 0)[0]
        if _is_flow(node):
            self.replace(start, start, f"{key}: {flow_of(content)}, ")
        else:
            lead = self._lead(start)
            self._insert_rows(self._line(start), [f"{lead}{key}:", *_rows(content, f"{lead}  ")])

    def replace_value(self, node: yaml.MappingNode, key: yaml.Node, value: yaml.Node, content: Content) -> None:
        """Put a list or a mapping in the place of a value; a comment on the value's line stays beside the key."""
        start, end = value.start_mark.index, value.end_mark.index
        if _is_flow(node):
            return self.replace(start, end, flow_of(content))
        end = max(start, start + len(self._text[start:end].rstrip()))
        following = self._next_line(end)
        comment = self._text[end:following].strip()
        spot = key.end_mark.index + self._text[key.end_mark.index :].index(":") + 1
        head = self._text[:spot] + (f"  {comment}" if comment else "") + self._break
        rows = _rows(content, self._lead(key.start_mark.index) + "  ")
        self._text = head + "".join(f"{row}{self._break}" for row in rows) + self._text[following:]
        return None

    def _insert_before(self, node: yaml.CollectionNode, index: int, new: str) -> None:
        start = self._span(node, index)[0]
        if _is_flow(node):
            self.replace(start, start, f"{new}, ")
        else:
            self._insert_rows(self._line(start), [self._lead(start) + new])

    def _insert_rows(self, spot: int, rows: Sequence[str]) -> None:
        before = self._break if spot and not self._text[:spot].endswith("\n") else ""
        self.replace(spot, spot, before + "".join(f"{row}{self._break}" for row in rows))

    def _span(self, node: yaml.CollectionNode, index: int) -> tuple[int, int]:
        start, end = spans_of(node)[index]
        return start, max(start, start + len(self._text[start:end].rstrip()))

    def _line(self, index: int) -> int:
        return self._text.rfind("\n", 0, index) + 1

    def _next_line(self, index: int) -> int:
        found = self._text.find("\n", index)
        return len(self._text) if found < 0 else found + 1

    def _lead(self, index: int) -> str:
        """What stands before an entry on its line: blanks, and the dash of a list. Raises NotEditableError."""
        lead = self._text[self._line(index) : index]
        if not _ROW.match(lead):
            raise NotEditableError("its lines are laid out in a way that cannot be kept")
        return lead


def _rows(content: Content, indent: str) -> list[str]:
    if isinstance(content, Mapping):
        return [f"{indent}{scalar_of(key)}: {scalar_of(value)}" for key, value in content.items()]
    return [f"{indent}- {scalar_of(each)}" for each in content]


def _is_flow(node: yaml.CollectionNode) -> bool:
    return bool(node.flow_style)


def _reads_back(text: str, wanted: object) -> bool:
    try:
        return bool(yaml.safe_load(text) == wanted)
    except yaml.YAMLError:
        return False
