"""How the sides of a migration stand: as the journal knows them, as their providers show them, and as they answer."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cloudgpu.base.clock import Clock
from cloudgpu.base.events import Emit
from cloudgpu.moving.bench.endpoint import Endpoint
from cloudgpu.moving.footing import SILENCE
from cloudgpu.moving.life import life_of
from cloudgpu.moving.migration import Side
from cloudgpu.moving.soundness import nonsense
from cloudgpu.running.deployment import Deployment, refresh
from cloudgpu.running.deployment.shared_listing import MOMENT_S, SharedListing
from cloudgpu.running.deployment.vitals import note_probe
from cloudgpu.running.health import SILENT, Health, probe, reply
from cloudgpu.running.providers.base import Provider
from cloudgpu.running.store import Store

_GOING = "going"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Looks at the sides of one service. Within a moment each is looked at once, and one listing shows them both.

    A moment lasts two seconds of the provider's clock from its first look on, and not beyond `blink`: what was written
    down since is a decision that was taken, and the next one rests on a look of its own. Only the provider's word is
    kept for so long. What the journal says, an end that somebody else asked for above all, is read again each time,
    and so is whether an engine answers.
    """

    service: str
    store: Store
    provider: Callable[[str], Provider]
    clock: Callable[[str], Clock]
    emit: Emit
    _moments: "dict[str, _Moment]" = field(default_factory=dict)
    _found: dict[str, str | None] = field(default_factory=dict)

    def life(self, side: Side) -> Deployment | None:
        """As it was recorded last; None when there is none yet. Calls no network."""
        return life_of(side, self.service, self.store)

    def look(self, side: Side) -> Deployment | None:
        """As its provider shows it now; None when there is none or its end is proved."""
        life = self.life(side)
        if life is None or life.state.is_final:
            return None
        moment = self._moment(life.provider)
        if life.token not in moment.seen:
            tools = (moment.listing.provider, self.store, self.clock(life.provider), self.emit)
            life = refresh(life, *tools, listing=moment.listing)
            moment.seen.add(life.token)
        return None if life.state.is_final else life

    def refusal(self, life: Deployment) -> str | None:
        """Why it does not serve as it should: the health path, the model's name, a completion; None when it does."""
        health = self._health(life)
        return None if health.ready else health.detail

    def found(self, life: Deployment) -> str | None:
        """What was found wrong when it was asked last: `does not answer`, `fails: …`, `answers, but …`; None: nothing.

        Asks nobody.
        """
        return self._found.get(life.token)

    def lasting_refusal(self, life: Deployment) -> str | None:
        """The same, asked twice: one lost request decides nothing."""
        return self.refusal(life) and self.refusal(life)

    def fault(self, life: Deployment | None, *, thoroughly: bool) -> tuple[str | None, str | None]:
        """Why it does not serve as it should, asked twice; and why its answers look broken, when it does."""
        if life is None:
            return "it is gone", None
        health = self._health(life)
        health = health if health.ready else self._health(life)
        if not health.ready:
            return health.detail, None
        said = nonsense(health.text, lambda *asked: self._reply(life, *asked), thoroughly=thoroughly)
        self._found[life.token] = f"answers, but {said}" if said else None
        return None, said

    def endpoint(self, life: Deployment) -> Endpoint:
        """Where it is measured: the side itself, not the gateway before it."""
        return Endpoint(
            name=life.name,
            url=life.endpoint or "",
            model=life.health.model_id,
            api_key=self.store.key_of(life),
            usd_per_hour=life.usd_per_hour,
            health_path=life.health.path,
        )

    def blink(self) -> None:
        """End the moment: the next look asks the provider."""
        self._moments.clear()

    def _health(self, life: Deployment) -> Health:
        health = self._asked(life)
        wrong = SILENCE if health.phase in (SILENT, _GOING) else f"fails: {health.detail}"
        self._found[life.token] = None if health.ready else wrong
        return health

    def _asked(self, life: Deployment) -> Health:
        if life.endpoint is None or life.state.is_ending:
            detail = "its end was asked for" if life.endpoint else "it has no endpoint"
            return Health(ready=False, phase=_GOING, detail=detail)
        health = probe(life.endpoint, self.store.key_of(life), life.health)
        note_probe(life, health.took, self.store)
        return health

    def _reply(self, life: Deployment, question: str, max_tokens: int) -> Health:
        said = reply(life.endpoint or "", self.store.key_of(life), life.health, question, max_tokens)
        note_probe(life, said.took, self.store)
        return said

    def _moment(self, provider: str) -> "_Moment":
        clock, kept = self.clock(provider), self._moments.get(provider)
        if kept is None or clock.elapsed() - kept.began_s >= MOMENT_S:
            listing = SharedListing(provider=self.provider(provider), clock=clock)
            kept = self._moments[provider] = _Moment(listing=listing, began_s=clock.elapsed())
        return kept


@dataclass(slots=True, kw_only=True)
class _Moment:
    """What one provider was asked since `began_s`; `seen` are the tokens of what was looked at."""

    listing: SharedListing
    began_s: float
    seen: set[str] = field(default_factory=set)
