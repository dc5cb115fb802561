"""A move that the user's hook could not be told of: kept with the migration, and told again at each look."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cloudgpu.moving.hook import HookResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """Requests of `service` went from `previous` (None: from nowhere) to `deployment`, and the hook `command` failed.

    `failure` is one sentence, `output` the last lines that it printed.
    """

    service: str
    deployment: str
    previous: str | None
    command: str
    failure: str
    output: str

    @staticmethod
    def after(result: HookResult, *, service: str, deployment: str, previous: str | None) -> "Untold | None":
        """What is left to tell after a hook; None when it was told."""
        if result.failure is None:
            return None
        return Untold(
            service=service,
            deployment=deployment,
            previous=previous,
            command=result.command,
            failure=result.failure,
            output=result.output,
        )

    @property
    def told(self) -> str:
        """One clause, for a sentence."""
        return f"the hook could not be told that {self.service} is served by {self.deployment} now: {self.failure}"

    @property
    def in_full(self) -> str:
        """The same with what it printed last, and the command."""
        last = self.output.rpartition("\n")[2]
        return f"{self.told}{f' ({last})' if last else ''}: {self.command}"

    def as_body(self) -> dict[str, Any]:
        """JSON values only."""
        return asdict(self)

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Untold":
        """What `as_body` wrote."""
        return Untold(**body)
