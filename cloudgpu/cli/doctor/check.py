"""One thing that `doctor` looked at, and what it makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """`absent` is not wrong: not everybody has every key. `attention` is not wrong yet."""

    OK = "ok"
    ABSENT = "absent"
    ATTENTION = "attention"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. `exit_status` is that of what is wrong, 0 for everything else."""

    about: str
    verdict: Verdict
    text: str
    hint: str | None = None
    exit_status: int = 0
    facts: Mapping[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """The form of `--json`: the facts beside the sentence."""
        return {
            "about": self.about, "verdict": self.verdict, "text": self.text, "hint": self.hint,
            "exit_status": self.exit_status, **self.facts,
        }  # fmt: skip
