"""The nodes of a YAML text with the places where they stand; an alias is a node of its own, not what it stands for."""

from collections.abc import Sequence
from typing import Any

import yaml


class Alias(yaml.Node):
    """`*name`; `value` is the node that it stands for."""

    id = "alias"


def root_of(text: str) -> yaml.Node | None:
    """The text's one document; None when it holds none. Raises yaml.YAMLError."""
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def pair_of(node: yaml.Node | None, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    """The key of a mapping with its value; None where the mapping itself does not hold it."""
    return next(((key, value) for key, value in pairs_of(node) if key.value == name), None)


def pairs_of(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    """Keys and values of a mapping; none of anything else."""
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def meant(node: yaml.Node) -> yaml.Node:
    """What an alias stands for; any other node itself."""
    return node.value if isinstance(node, Alias) else node


def spans_of(node: yaml.CollectionNode) -> Sequence[tuple[int, int]]:
    """Where each item or pair of a collection stands in the text."""
    if isinstance(node, yaml.MappingNode):
        return [(key.start_mark.index, value.end_mark.index) for key, value in node.value]
    return [(item.start_mark.index, item.end_mark.index) for item in node.value]


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401  (as PyYAML declares it)
        if not self.check_event(yaml.AliasEvent):
            return super().compose_node(parent, index)
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        return Alias("", super().compose_node(parent, index), event.start_mark, event.end_mark)
