"""One listing of a provider for several deployments that are looked at in one go."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloudgpu.base.clock import Clock
from cloudgpu.running.providers.base import InstanceView, Provider

MOMENT_S = 2.0
"""So long, by the provider's clock, a listing tells how things are now."""


@dataclass(slots=True, kw_only=True)
class SharedListing:
    """The account's instances, asked for once within a moment; one that failed is asked for again.

    It shows what is there. That something is not there it does not prove: `observe.look` asks for that itself.
    """

    provider: Provider
    clock: Clock
    _listed: Sequence[InstanceView] | None = None
    _listed_s: float = 0.0

    def __call__(self) -> Sequence[InstanceView]:
        """Complete. Calls the network unless it was listed a moment ago; raises as the provider does."""
        if self._listed is None or self.clock.elapsed() - self._listed_s >= MOMENT_S:
            self._listed = None
            self._listed = self.provider.instances()
            self._listed_s = self.clock.elapsed()
        return self._listed
