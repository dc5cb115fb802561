"""What a migration does to the world. The steps know only this, so that they can be tried out on a made-up world.

Every act can be repeated: after a kill it is done again from its beginning.
"""

from typing import Protocol

from cloudgpu.moving.comparison import Comparison
from cloudgpu.moving.migration import Migration, Side


class Acts(Protocol):
    """The deeds. All but `save` and `serving` call the network; `provision` alone spends money."""

    def save(self, migration: Migration) -> None:
        """Write it down. What was saved last is what a later process goes on with."""
        ...

    def provision(self, migration: Migration) -> str:
        """Bring the new side up, or go on with it; returns its token once it is healthy.

        Raises the error of the failure, after having removed what it created; CleanupFailedError if it could not.
        """
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

    def ask_both(self, migration: Migration) -> tuple[Comparison, ...]:
        """Ask both sides the migration's questions. A side that is not there, refuses or fails has a `Reply.error`.

        Raises ConflictError when the journal knows no such service.
        """
        ...

    def serving(self, service: str) -> str | None:
        """The name of the deployment that the service's address points to; None when it was never published."""
        ...

    def move_address(self, migration: Migration, to: Side) -> None:
        """Point the service at the side, in one step, and tell the hook. Does nothing when it points there already.

        Raises ConflictError when the side is gone, or its end was asked for.
        """
        ...

    def withdraw_address(self, migration: Migration) -> None:
        """Take the service's address away, because neither side is left: its host may be somebody else's tomorrow."""
        ...

    def destroy(self, side: Side) -> None:
        """End it, confirm that it is gone, read its last bill. Raises CleanupFailedError when it cannot confirm it."""
        ...
