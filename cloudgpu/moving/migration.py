"""A migration as a value: which two sides, how far it is, and everything a later process needs to go on with it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from cloudgpu.base.errors import ConflictError
from cloudgpu.base.money import exact_text, usd
from cloudgpu.moving.comparison import QUESTIONS, Comparison
from cloudgpu.moving.state import Ending, MigrationState, can_follow


@dataclass(frozen=True, slots=True)
class Side:
    """One deployment of the two. `token` names its one life (a name may be used again); None until it is known."""

    name: str
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """How far renting the new side may go without asking again.

    `usd_per_hour` is the most for GPU and disk together, `wait_s` the longest wait for one machine, and `spend_usd` the
    most for all attempts before one answers.
    """

    usd_per_hour: Decimal
    wait_s: float
    spend_usd: Decimal

    def as_body(self) -> dict[str, Any]:
        """JSON values only, money as text."""
        return {
            "usd_per_hour": exact_text(self.usd_per_hour),
            "wait_s": self.wait_s,
            "spend_usd": exact_text(self.spend_usd),
        }

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Agreed":
        """What `as_body` wrote."""
        return Agreed(
            usd_per_hour=usd(body["usd_per_hour"]), wait_s=float(body["wait_s"]), spend_usd=usd(body["spend_usd"])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """From one deployment of a service to another.

    `model` is the Hub id of the new side's model, `plan_file` the plan that it is created from, `provider` where.
    `ending` is set while the migration is being closed. `force` lets it go on when the answers object, `send_hf_token`
    gives the new machine the user's Hugging Face token (for gated models). `problem` is the
    sentence of the last failure, None when there was none since. `agreed` is what was agreed to pay for the new side;
    None in records that were written before this was kept.
    """

    migration_id: str
    service: str
    old: Side
    new: Side
    model: str
    provider: str
    plan_file: str
    created_at: str
    state: MigrationState = MigrationState.PLANNED
    ending: Ending | None = None
    force: bool = False
    send_hf_token: bool = False
    hook: str | None = None
    questions: tuple[str, ...] = QUESTIONS
    comparisons: tuple[Comparison, ...] = ()
    problem: str | None = None
    agreed: Agreed | None = None

    @property
    def is_open(self) -> bool:
        """Something is left to do or to decide."""
        return not self.state.is_final

    @property
    def both_alive(self) -> bool:
        """Both sides are up and the address can go to either at once."""
        return self.state in (MigrationState.PROMOTED, MigrationState.ROLLED_BACK) and self.ending is None

    @property
    def spare(self) -> Side:
        """The side that is not in charge, or is being given up."""
        old_is_spare = self.ending is Ending.KEEP_NEW or (self.state is MigrationState.PROMOTED and not self.ending)
        return self.old if old_is_spare else self.new

    def at(self, state: MigrationState) -> "Migration":
        """The same migration in another state, its last problem forgotten. Raises ConflictError for a wrong turn."""
        if not can_follow(self.state, state):
            raise ConflictError(f"a migration that is {self.state} cannot become {state}")
        return replace(self, state=state, problem=None)

    def as_body(self) -> dict[str, Any]:
        """The form in which the store keeps it: JSON values only."""
        return {
            "migration_id": self.migration_id,
            "service": self.service,
            "old": {"name": self.old.name, "token": self.old.token},
            "new": {"name": self.new.name, "token": self.new.token},
            "model": self.model,
            "provider": self.provider,
            "plan_file": self.plan_file,
            "created_at": self.created_at,
            "state": self.state.value,
            "ending": self.ending.value if self.ending else None,
            "force": self.force,
            "send_hf_token": self.send_hf_token,
            "hook": self.hook,
            "questions": list(self.questions),
            "comparisons": [each.as_body() for each in self.comparisons],
            "problem": self.problem,
            "agreed": self.agreed.as_body() if self.agreed else None,
        }

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Migration":
        """The migration that `as_body` wrote. Raises KeyError, TypeError or ValueError when it is not one."""
        values = {field.name: body[field.name] for field in fields(Migration) if field.name != "agreed"} | {
            "old": Side(**body["old"]),
            "new": Side(**body["new"]),
            "state": MigrationState(body["state"]),
            "ending": Ending(body["ending"]) if body["ending"] else None,
            "questions": tuple(body["questions"]),
            "comparisons": tuple(Comparison.from_body(each) for each in body["comparisons"]),
            "agreed": Agreed.from_body(body["agreed"]) if body.get("agreed") else None,
        }
        return Migration(**values)
