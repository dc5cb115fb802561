"""A template as a server whose placeholders nobody has filled yet: what is said of it holds for every start."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from cloudgpu.serving.lint.finding import Place
from cloudgpu.serving.lint.reading.service import Service, Word
from cloudgpu.serving.lint.reading.variables import UNKNOWN
from cloudgpu.serving.lint.releases.flag_table import BOOLEANS, canonical
from cloudgpu.serving.template import PLACEHOLDER, Template
from cloudgpu.serving.template_file import template_of_text

_CALLED = {"image": "image", "entrypoint": "entrypoint", "arguments": "command", "environment": "environment"}
"""What a template's keys are called in a compose file: the rules' own words."""

_KEYS = re.compile(r"^(engine|arguments):", re.MULTILINE)


def is_template(text: str) -> bool:
    """Whether the text looks like a template and not like a compose file."""
    return {found[1] for found in _KEYS.finditer(text)} == {"engine", "arguments"} and "\nservices:" not in text


def read_template_service(text: str, name: str, variables: Mapping[str, str], engine_version: str) -> Service:
    """The template's server; what is filled when it is rented is a value that nobody can see, but for the release and
    its own variables.

    It is not published: who rents it decides that. Raises BadFileError as reading the template does.
    """
    template = template_of_text(text, Path(name))
    known = {each.name: variables.get(each.name, each.default or UNKNOWN) for each in template.variables}
    known |= {"engine_version": engine_version}
    places = _places(text)
    return Service(
        name=template.name,
        image=_filled(template.image, known),
        words=tuple(_words(template, known, places)),
        environment={
            **{each: _filled(value, known) for each, value in template.environment},
            **{each: UNKNOWN for each, _ in template.secrets},
        },
        is_container=True,
        is_rented=True,
        places={"": Place(1, 1), **places},
    )


def _words(template: Template, known: Mapping[str, str], places: Mapping[str, Place]) -> Iterator[Word]:
    yield from (Word(each, places.get("entrypoint")) for each in template.entrypoint or ())
    for flag, value in template.arguments:
        filled = _filled(value, known)
        if canonical(flag) in BOOLEANS and PLACEHOLDER.fullmatch(value):
            yield from (Word(each, places.get(flag)) for each in _switch(flag, filled))
        else:
            yield from (Word(each, places.get(flag)) for each in (flag, filled))


def _switch(flag: str, filled: str) -> tuple[str, ...]:
    """Alone where it is on; what only a start decides is joined as a value that nobody can see."""
    if filled == UNKNOWN:
        return (f"{flag}={UNKNOWN}",)
    return () if filled.lower() in ("none", "false") else (flag,)


def _filled(text: str, known: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: known.get(found[1], UNKNOWN), text)


def _places(text: str) -> dict[str, Place]:
    """Where image, command and environment stand, and each argument by its flag."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = list(root.value) if isinstance(root, yaml.MappingNode) else []
    rows = [pair for key, value in pairs if key.value == "arguments" for item in value.value for pair in item.value]
    keys = [(_CALLED.get(key.value), key) for key, _ in pairs] + [(key.value, key) for key, _ in rows]
    return {name: Place(key.start_mark.line + 1, key.start_mark.column + 1) for name, key in keys if name}
