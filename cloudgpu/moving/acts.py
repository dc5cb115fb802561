"""What a migration does to the world. The steps know only this, so that they can be tried out on a made-up world.

Every act can be repeated: after a kill it is done again from its beginning.
"""

from datetime import datetime
from typing import Protocol

from cloudgpu.moving.footing import Stand
from cloudgpu.moving.gates.verdict import Verdict
from cloudgpu.moving.live import Baseline, Observation
from cloudgpu.moving.migration import Migration, Side


class Acts(Protocol):
    """The deeds. All but `save`, `now`, `name` and `serving` call the network; `provision` alone spends money."""

    def now(self, migration: Migration) -> datetime:
        """The time of the new side's provider."""
        ...

    def save(self, migration: Migration) -> None:
        """Write it down. What was saved last is what a later process goes on with."""
        ...

    def provision(self, migration: Migration) -> str:
        """Bring the new side up, or go on with it; returns its token once it is healthy.

        Raises the error of the failure, after having removed what it created; CleanupFailedError if it could not.
        """
        ...

    def stand(self, side: Side) -> Stand:
        """How the side stands, by a look at its provider and, where it may answer, by asking it."""
        ...

    def found(self, side: Side) -> str | None:
        """What was found wrong with the side when it was asked last: `fails: /health answers 503`; None: nothing.

        Asks nobody.
        """
        ...

    def warm_up(self, migration: Migration) -> None:
        """Make the new side known to the gateway, without traffic, and get over its first answers."""
        ...

    def exists(self, side: Side) -> bool:
        """Whether the side is there or may be there, and so may bill. False only when its end is proved."""
        ...

    def is_ending(self, side: Side) -> bool:
        """Whether somebody asked for its end. It may be there still, and even answer, but nothing may rely on it."""
        ...

    def is_healthy(self, side: Side) -> bool:
        """Whether the side answers now and will be there tomorrow: False once its end was asked for."""
        ...

    def validate(self, migration: Migration) -> Verdict:
        """Measure both sides in the same minutes and let the gates judge the new one.

        With an old side that is gone or silent, the new one need only be ready. Raises BadFileError when the thresholds
        or the golden prompts cannot be read.
        """
        ...

    def observe(self, migration: Migration) -> Observation:
        """Both sides as they are now, with what the gateway and the new engine have counted."""
        ...

    def counts(self, migration: Migration) -> Baseline:
        """What gateway and engines have counted so far, after a look at where both sides are. Judges nothing."""
        ...

    def name(self, migration: Migration) -> str | None:
        """What a command must be told to mean this migration; None while no other one is open."""
        ...

    def serving(self, service: str) -> str | None:
        """The name of the deployment that the service's address points to; None when it was never published."""
        ...

    def share(self, migration: Migration) -> Migration:
        """Send requests to both sides as the migration's state wants it, in one step, and tell the hook of a move.

        A hook that fails stops nothing: what it could not be told is written down, comes back with the migration, and
        is told again by the next call.
        A side without a share stands by for the other once it has passed the gates. Raises ConflictError when the side
        that gets all is gone, or its end was asked for.
        """
        ...

    def reaches(self, side: Side) -> bool:
        """Whether requests may still reach the side, or it has not finished answering some."""
        ...

    def detach(self, side: Side) -> None:
        """Send the side nothing more, and wait (not for long) until it has answered what it has."""
        ...

    def withdraw_address(self, migration: Migration) -> None:
        """Take the service's address away, because neither side is left: its host may be somebody else's tomorrow."""
        ...

    def destroy(self, side: Side) -> None:
        """End it, confirm that it is gone, read its last bill. Raises CleanupFailedError when it cannot confirm it."""
        ...
