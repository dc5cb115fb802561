"""The budget: the most to spend in a calendar month of UTC, as it was set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cloudgpu.base.money import exact_text, usd

THRESHOLDS = (50, 80, 100)
"""Percent of a limit at which somebody is told."""

MONTH = "month"
"""The scope of everything together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most to spend in a calendar month, on everything and on single deployments. None: no limit.

    `hard`: what would break it is refused. `stop`: `watch` takes down what bills once it is broken.
    """

    monthly_usd: Decimal | None = None
    per_deployment: Mapping[str, Decimal] = field(default_factory=dict)
    hard: bool = False
    stop: bool = False

    def as_data(self) -> dict[str, Any]:
        """The form inside an event."""
        return {
            "monthly_usd": exact_text(self.monthly_usd) if self.monthly_usd is not None else None,
            "per_deployment": {name: exact_text(limit) for name, limit in self.per_deployment.items()},
            "hard": self.hard,
            "stop": self.stop,
        }

    def limits(self) -> Iterator[tuple[str, Decimal]]:
        """Each scope with its limit."""
        if self.monthly_usd is not None:
            yield MONTH, self.monthly_usd
        yield from sorted(self.per_deployment.items())


def budget_from(data: Mapping[str, Any]) -> Budget | None:
    """The budget of an event; None for one that takes it away."""
    if not data:
        return None
    return Budget(
        monthly_usd=usd(data["monthly_usd"]) if data["monthly_usd"] is not None else None,
        per_deployment={name: usd(limit) for name, limit in data["per_deployment"].items()},
        hard=bool(data["hard"]),
        stop=bool(data["stop"]),
    )
