"""The commands that a campaign types. An operation is one small class; a new one joins by standing in OPERATIONS.

`words` is what is typed, `wants` what the user wants of the name from then on ("up", "down", or None: nothing new),
`races` whether several of that name may live while it runs, `ends` whether it may end the deployment of that name (or,
with None as a name, any), and `broken` says what of its answer was not true. Nothing here looks at the code under test.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from tests.campaign.truth import Truth

MODEL = "qwen3-0.6b"


class Operation(Protocol):
    """See the module."""

    wants: str | None
    races: bool

    def words(self, name: str, provider: str) -> tuple[str, ...]:
        """What is typed after `cloudgpu`."""
        ...

    def ends(self, name: str, other: str) -> bool:
        """Whether typing it for `name` is leave to end the deployment `other`."""
        ...

    def broken(self, name: str, answer: Mapping[str, Any], truth: Truth) -> Iterator[str]:
        """What its success (exit status 0) promised and is not so. `answer` is its JSON document."""
        ...


class Up:
    """Rent and wait until it answers; with `hedge` above one, rent so many at once and keep the first that does."""

    wants: str | None = "up"

    def __init__(self, hedge: int = 1) -> None:
        self.races = hedge > 1
        self._more = ("--hedge", str(hedge)) if self.races else ()

    def words(self, name: str, provider: str) -> tuple[str, ...]:
        """See `Operation`."""
        return (
            "up", MODEL, "--provider", provider, "--gpu", "RTX 4090", "--name", name, "--max-wait", "6", *self._more,
            "--yes", "--json",
        )  # fmt: skip

    def ends(self, name: str, other: str) -> bool:
        """It may end what it is itself making; what serves already it must leave alone."""
        return False

    def broken(self, name: str, answer: Mapping[str, Any], truth: Truth) -> Iterator[str]:
        """It stands in the journal as ready, and exists."""
        instance = answer["deployment"]["instance_id"]
        if [(row.state, row.instance_id) for row in truth.living(name)] != [("ready", instance)]:
            yield f"up says that {name} is ready on {instance}, the journal says {truth.living(name)}"
        if instance not in truth.alive:
            yield f"up says that {name} is ready on {instance}, which does not exist"


class Down:
    """Remove it, proved."""

    wants: str | None = "down"
    races = False

    def words(self, name: str, provider: str) -> tuple[str, ...]:
        """See `Operation`."""
        return ("down", name, "--yes", "--json")

    def ends(self, name: str, other: str) -> bool:
        """See `Operation`."""
        return name == other

    def broken(self, name: str, answer: Mapping[str, Any], truth: Truth) -> Iterator[str]:
        """Nothing of that name is left, neither in the journal nor at the provider."""
        if truth.living(name):
            yield f"down says that {name} is gone, the journal says {truth.living(name)}"
        if truth.alive_of(name):
            yield f"down says that {name} is gone, and {truth.alive_of(name)} bills"


class Sweep:
    """`gc`, which settles and reports; with `--destroy` it removes what is ours and unwanted."""

    wants: str | None = None
    races = False

    def __init__(self, *more: str) -> None:
        self._more = more

    def words(self, name: str, provider: str) -> tuple[str, ...]:
        """See `Operation`."""
        return ("gc", *self._more, "--json")

    def ends(self, name: str, other: str) -> bool:
        """What serves is no business of a sweep."""
        return False

    def broken(self, name: str, answer: Mapping[str, Any], truth: Truth) -> Iterator[str]:
        """Everything of ours that exists stands in the journal as alive."""
        unknown = truth.alive_ours - truth.known
        if unknown:
            yield f"gc says that all is well, and {sorted(unknown)} bills and is not in the journal"
        yield from _alone("gc", truth)


class Status:
    """One look."""

    wants: str | None = None
    races = False

    def __init__(self, *more: str) -> None:
        self._more = more

    def words(self, name: str, provider: str) -> tuple[str, ...]:
        """See `Operation`."""
        return ("status", *self._more, "--json")

    def ends(self, name: str, other: str) -> bool:
        """A look ends nothing."""
        return False

    def broken(self, name: str, answer: Mapping[str, Any], truth: Truth) -> Iterator[str]:
        """It shows every deployment that lives."""
        shown = {each["name"] for each in answer["deployments"]}
        hidden = {row.name for row in truth.rows if row.lives} - shown
        if hidden:
            yield f"status does not show {sorted(hidden)}"
        yield from _alone("status", truth)


class Costs:
    """The costs as they are recorded."""

    wants: str | None = None
    races = False

    def words(self, name: str, provider: str) -> tuple[str, ...]:
        """See `Operation`."""
        return ("cost", "--offline", "--json")

    def ends(self, name: str, other: str) -> bool:
        """Reading ends nothing."""
        return False

    def broken(self, name: str, answer: Mapping[str, Any], truth: Truth) -> Iterator[str]:
        """It promises nothing that is judged here."""
        return iter(())


def _alone(what: str, truth: Truth) -> Iterator[str]:
    """Nothing bills that no command waits for, be it well known."""
    alone = [row.name for row in truth.rows if row.loads]
    if alone:
        yield f"{what} says that all is well, and {alone} loads while nobody waits for it"


OPERATIONS: Mapping[str, Operation] = {
    "up": Up(),
    "up_race_2": Up(2),
    "up_race_3": Up(3),
    "down": Down(),
    "gc": Sweep(),
    "gc_destroy": Sweep("--destroy", "--yes"),
    "status": Status(),
    "status_offline": Status("--offline"),
    "cost_offline": Costs(),
}
