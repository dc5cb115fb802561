"""What a rule says: how bad, why, what to do, where, and the edits that would do it."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """ERROR: it will not start, or is open to the world. WARNING: it loses something silently. NOTE: good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column in the file, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of an argument or variable: `flag` gets `value` (None: it is taken out), under `rename` if given.

    `environment` says that it is a variable, `key` a key of the service; `bare` that the flag stands without a value.
    """

    flag: str
    value: str | None = None
    rename: str | None = None
    bare: bool = False
    environment: bool = False
    key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What the check of a rule found: the sentence, the way out, the place, the edits. `severity` None: the rule's."""

    message: str
    fix: str | None = None
    at: Place | None = None
    edits: tuple[Edit, ...] = ()
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A hit with the rule and the service it belongs to."""

    rule: str
    severity: Severity
    service: str
    message: str
    fix: str | None
    at: Place | None
    edits: tuple[Edit, ...]
    source: str
