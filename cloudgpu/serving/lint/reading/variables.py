"""`${VAR}`, `${VAR:-default}` and `$$` as Docker Compose expands them."""

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?:(:?[-?+])([^{}]*))?\}|\$(\w+)")

_ROW = re.compile(r"""\s*(?:export\s+)?([^\s#=]+)\s*=\s*(?:'([^']*)'|"((?:[^"\\]|\\.)*)"|(.*?))\s*(?:(?<=\s)\#.*)?$""")
"""A line of a `.env` file: a quoted value ends with its quote, another one at a ` #`."""

UNKNOWN = "\N{LEFT DOUBLE QUOTATION MARK}unset\N{RIGHT DOUBLE QUOTATION MARK}"
"""Stands where a variable without a default is set by nobody we can see; rules take it for a value they do not know."""


def expand(text: str, known: Mapping[str, str]) -> str:
    """The text with its variables replaced: by what is known, else by their defaults, else by UNKNOWN."""
    return _VARIABLE.sub(lambda found: _value(found, known), text)


def env_file(text: str) -> dict[str, str]:
    """The variables of a `.env` file."""
    found = (_ROW.match(line) for line in text.splitlines())
    return {row[1]: next((each for each in row.groups()[1:] if each is not None), "") for row in found if row}


def _value(found: re.Match[str], known: Mapping[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    name, operator, default = found[1] or found[4], found[2] or "", found[3] or ""
    value = known.get(name)
    is_set = value is not None and (value != "" or not operator.startswith(":"))
    if operator.endswith("+"):
        return default if is_set else ""
    if is_set:
        return value or ""
    return expand(default, known) if operator.endswith("-") else UNKNOWN
