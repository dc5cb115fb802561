"""A golden prompt, asked once: what was said, what it should have been, what looks broken."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`prompt` names the golden test, `repeat` counts from 0. `failures` are sentences, one for each assertion missed.

    `anomalies` names what looks broken whatever was asked; `trouble` says why there was no answer, None: there was.
    `e2el_s` is real seconds.
    """

    prompt: str
    question: str
    repeat: int
    passed: bool
    failures: tuple[str, ...]
    anomalies: tuple[str, ...]
    text: str
    e2el_s: float
    trouble: str | None = None

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return asdict(self) | {"failures": list(self.failures), "anomalies": list(self.anomalies)}


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRun:
    """Every trial of one endpoint."""

    name: str
    trials: tuple[Trial, ...]

    def passed_share(self) -> dict[str, float]:
        """For each golden prompt, in its order, the share of its repeats that passed."""
        return {prompt: _share([each.passed for each in trials]) for prompt, trials in self._by_prompt().items()}

    def anomaly_share(self) -> dict[str, float]:
        """For each golden prompt, the share of its repeats with a sign of a broken model, or without an answer."""
        return {
            prompt: _share([bool(each.anomalies or each.trouble) for each in trials])
            for prompt, trials in self._by_prompt().items()
        }

    def _by_prompt(self) -> dict[str, list[Trial]]:
        found: dict[str, list[Trial]] = {}
        for trial in self.trials:
            found.setdefault(trial.prompt, []).append(trial)
        return found


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values)
