"""What could cost less, and what could not be found out."""

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing that could cost less. `saving_usd` is over the hours that were asked about."""

    kind: str
    deployment: str
    text: str
    saving_usd: Decimal
    command: str


@dataclass(slots=True, kw_only=True)
class Counsel:
    """All of it, and what could not be found out."""

    advice: list[Advice] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def say(self, unknown: str) -> None:
        """Something that could not be found out, once."""
        if unknown not in self.unknown:
            self.unknown.append(unknown)
