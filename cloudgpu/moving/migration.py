"""A migration as a value: which two sides, how far it is, and everything a later process needs to go on with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from cloudgpu.base.clock import parse_utc, utc_text
from cloudgpu.base.errors import ConflictError
from cloudgpu.base.money import exact_text, usd
from cloudgpu.moving.gates.thresholds_file import DEFAULT
from cloudgpu.moving.gates.verdict import Verdict
from cloudgpu.moving.lately import Lately
from cloudgpu.moving.live import Baseline
from cloudgpu.moving.recovery import Recovery
from cloudgpu.moving.state import Ending, MigrationState, can_follow
from cloudgpu.moving.strategy import Strategy, Way
from cloudgpu.moving.untold import Untold
from cloudgpu.serving.asked import AskedWords


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
    `ending` is set while the migration is being closed. `force` lets it go on when the gates object, `send_hf_token`
    gives the new machine the user's Hugging Face token (for gated models). `problem` is the
    sentence of the last failure, None when there was none since. `agreed` is what was agreed to pay for the new side;
    None in records that were written before this was kept. `asked` is what is asked of the new side beyond its plan.

    `gates` names the thresholds that the new side must keep, or the file with them; `golden` is the file of the golden
    prompts, None for the built-in ones, `none` for none. `step` is the step of the strategy that a canary is at, `due`
    when it ends or, once promoted, when the old side goes (None: when somebody says so). `paused_at` is the state that
    a paused migration goes on from. `verdict` is what the gates said, `baseline` what was counted when the present
    share of traffic began, `live` what was found since, `extended` how often the way back was kept open for longer.
    `recovery` is what passed since the last look that failed (None: none did), `old_answers` and `new_answers` whether
    each side answered at the last look, the new one with some sense (None: there was none yet), `old_found` and
    `new_found` what was wrong then, in words (`fails: /health answers 503`). `untold` is the last move, while the hook
    could not be told of it.
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
    asked: AskedWords = field(default_factory=AskedWords)
    gates: str = DEFAULT
    golden: str | None = None
    problem: str | None = None
    agreed: Agreed | None = None
    strategy: Strategy = field(default_factory=Strategy)
    step: int = 0
    due: datetime | None = None
    paused_at: MigrationState | None = None
    verdict: Verdict | None = None
    baseline: Baseline | None = None
    lately: Lately | None = None
    live: Verdict | None = None
    extended: int = 0
    recovery: Recovery | None = None
    old_answers: bool | None = None
    new_answers: bool | None = None
    old_found: str | None = None
    new_found: str | None = None
    untold: Untold | None = None

    @property
    def is_open(self) -> bool:
        """Something is left to do or to decide."""
        return not self.state.is_final

    @property
    def both_alive(self) -> bool:
        """Both sides are up and the traffic can go to either at once."""
        return self.is_sharing and self.ending is None

    @property
    def is_sharing(self) -> bool:
        """The new side has passed the gates, so requests may reach it."""
        return self.standing in (MigrationState.CANARY, MigrationState.PROMOTED, MigrationState.ROLLED_BACK)

    @property
    def standing(self) -> MigrationState:
        """The state, or the one that it is paused in."""
        return self.paused_at or self.state

    @property
    def new_percent(self) -> int:
        """The new side's share of new requests, as this state wants it."""
        if self.ending:
            return 100 if self.ending is Ending.KEEP_NEW else 0
        if self.standing is MigrationState.CANARY:
            return self.strategy.steps[self.step]
        return 100 if self.standing is MigrationState.PROMOTED else 0

    @property
    def is_at_last_share(self) -> bool:
        """A canary's next share is everything."""
        return self.strategy.way.stays_shared or self.step + 1 >= len(self.strategy.steps)

    @property
    def spare(self) -> Side:
        """The side that is not in charge, or is being given up."""
        old_is_spare = self.ending is Ending.KEEP_NEW or (self.state is MigrationState.PROMOTED and not self.ending)
        return self.old if old_is_spare else self.new

    @property
    def replaces(self) -> bool:
        """The old side goes before the new one comes: there is no way back."""
        return self.strategy.way is Way.REPLACE

    @property
    def is_recovering(self) -> bool:
        """The new side failed a look and had not passed for long enough at the last one."""
        return self.recovery is not None and self.live is not None and not self.recovery.is_over(self.live.at)

    def at(self, state: MigrationState) -> "Migration":
        """The same migration in another state, its last problem forgotten. Raises ConflictError for a wrong turn."""
        if not can_follow(self.state, state):
            raise ConflictError(f"a migration that is {self.state} cannot become {state}")
        return replace(self, state=state, problem=None, paused_at=None)

    def paused(self, problem: str) -> "Migration":
        """The same, waiting for somebody to decide. Its shares of the traffic stay as they are."""
        where = self.standing
        return replace(self.at(MigrationState.PAUSED), paused_at=where, problem=problem)

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
            "asked": self.asked.as_body(),
            "gates": self.gates,
            "golden": self.golden,
            "problem": self.problem,
            "agreed": self.agreed.as_body() if self.agreed else None,
            "strategy": self.strategy.as_body(),
            "step": self.step,
            "due": utc_text(self.due) if self.due else None,
            "paused_at": self.paused_at.value if self.paused_at else None,
            "verdict": self.verdict.as_body() if self.verdict else None,
            "baseline": self.baseline.as_body() if self.baseline else None,
            "lately": self.lately.as_body() if self.lately else None,
            "live": self.live.as_body() if self.live else None,
            "extended": self.extended,
            "recovery": self.recovery.as_body() if self.recovery else None,
            "old_answers": self.old_answers,
            "new_answers": self.new_answers,
            "old_found": self.old_found,
            "new_found": self.new_found,
            "untold": self.untold.as_body() if self.untold else None,
        }

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Migration":
        """The migration that `as_body` wrote; what an older record lacks has its default.

        Raises KeyError, TypeError or ValueError when it is none.
        """
        known = {each.name: body[each.name] for each in fields(Migration) if each.name in body}
        return Migration(
            **known
            | {name: read(body[name]) for name, read in _READ.items() if body.get(name) is not None}
            | {"old": Side(**body["old"]), "new": Side(**body["new"])}
        )


_READ: Mapping[str, Callable[[Any], Any]] = {
    "state": MigrationState,
    "ending": Ending,
    "paused_at": MigrationState,
    "agreed": Agreed.from_body,
    "asked": AskedWords.from_body,
    "strategy": Strategy.from_body,
    "due": parse_utc,
    "verdict": Verdict.from_body,
    "baseline": Baseline.from_body,
    "lately": Lately.from_body,
    "live": Verdict.from_body,
    "recovery": Recovery.from_body,
    "untold": Untold.from_body,
}
"""How what is no plain JSON value is read again."""
