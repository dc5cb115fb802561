"""What Compose refuses before it looks at any service: keys that stand twice, and values of another form."""

from collections.abc import Iterator

import yaml

from cloudgpu.base.errors import BadFileError

_FORMS = {
    "command": (yaml.ScalarNode, yaml.SequenceNode), "entrypoint": (yaml.ScalarNode, yaml.SequenceNode),
    "environment": (yaml.MappingNode, yaml.SequenceNode), "ports": (yaml.SequenceNode,),
    "volumes": (yaml.SequenceNode,), "deploy": (yaml.MappingNode,), "healthcheck": (yaml.MappingNode,),
}  # fmt: skip
_CALLED = {yaml.ScalarNode: "a text", yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping"}


def check_form(root: yaml.Node, where: str) -> None:
    """Raises BadFileError with line and column for what Compose would refuse. YAML takes the last of two keys."""
    for key, value in _once(root, where):
        if key.value == "services":
            for name, service in _once(value, where):
                for field, found in _once(service, where):
                    _check(name.value, field, found, where)


def _check(service: str, key: yaml.Node, value: yaml.Node, where: str) -> None:
    forms = _FORMS.get(key.value)
    is_nothing = isinstance(value, yaml.ScalarNode) and value.tag.endswith(":null")
    if forms and not is_nothing and not isinstance(value, forms):
        wanted = " or ".join(_CALLED[form] for form in forms)
        raise BadFileError(
            f"{_spot(where, key)}: `{key.value}` of {service} must be {wanted}",
            hint="docs.docker.com/reference/compose-file",
        )


def _once(node: yaml.Node, where: str) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    seen: dict[str, yaml.Node] = {}
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value in seen and key.value != "<<":
            first = seen[key.value].start_mark.line + 1
            raise BadFileError(
                f"{_spot(where, key)}: `{key.value}` stands twice, first in line {first}",
                hint="Compose refuses the file",
            )
        seen[key.value] = key
        yield key, value


def _spot(where: str, node: yaml.Node) -> str:
    return f"{where}, line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"
