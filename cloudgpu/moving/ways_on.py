"""The commands that go on with an open migration or close it: only such as how its sides stand allows. Pure."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cloudgpu.moving.footing import Footing, Stand
from cloudgpu.moving.gates.verdict import Outcome
from cloudgpu.moving.migration import Migration
from cloudgpu.moving.state import Ending, MigrationState
from cloudgpu.running.records import Deployment
from cloudgpu.serving.asked import AskedWords

BEFORE_SHARING = (
    MigrationState.PLANNED,
    MigrationState.PROVISIONING,
    MigrationState.WARMING,
    MigrationState.VALIDATING,
)
_ABORT, _RESUME = "cloudgpu migrate abort", "cloudgpu migrate resume"
_FINALIZE, _ROLLBACK = "cloudgpu migrate finalize", "cloudgpu migrate rollback"
_PROMOTE = "cloudgpu migrate promote"


@dataclass(frozen=True, slots=True)
class WayOn:
    """What can be had, in words, and the commands for it, one after the other.

    `once` is what must have come about before; None: it can be typed now.
    """

    what: str
    commands: tuple[str, ...]
    once: str | None = None

    def __str__(self) -> str:
        """For a sentence: `give qwen up: cloudgpu migrate abort`."""
        return f"{self.words}: {', then '.join(self.commands)}"

    @property
    def words(self) -> str:
        """What, and from when on."""
        return f"once {self.once}, {self.what}" if self.once else self.what


def ways_on(migration: Migration, footing: Footing, name: str | None = None) -> tuple[WayOn, ...]:
    """What can be typed next, the best first; none once it is closed. `name` is put where several are open."""
    if migration.state.is_final:
        return ()
    ways = _ways(migration, footing)
    return tuple(replace(each, commands=tuple(typed(command, name) for command in each.commands)) for each in ways)


def bringing_back(service: str, last: Deployment, asked: AskedWords) -> WayOn:
    """For a service that nothing serves any more: what served it last is rented again, for the same address and key.

    What `up` makes serves the service of its own name, so it is given that one.
    """
    words = ("up", last.model, "--name", service, "--provider", last.provider, *asked.as_options())
    return WayOn(f"bring {service} back", (f"cloudgpu {shlex.join(words)}",))


def in_words(ways: Sequence[WayOn]) -> str:
    """For a hint."""
    return "; ".join(str(each) for each in ways)


def typed(command: str, name: str | None) -> str:
    """A command as it is typed for the migration of this name: `cloudgpu migrate promote mistral --full`.

    What is no word of a migration, or begins one, stays as it is; None names none.
    """
    words = command.split()
    if name is None or words[:2] != ["cloudgpu", "migrate"] or words[2].startswith("--"):
        return command
    return " ".join([*words[:3], name, *words[3:]])


def _ways(migration: Migration, footing: Footing) -> Iterator[WayOn]:
    if migration.ending is not None:
        return _closing(migration, footing)
    if migration.standing in BEFORE_SHARING[:2]:
        return _renting(migration, footing)
    if migration.standing in BEFORE_SHARING:
        return _at_the_gates(migration, footing)
    if migration.standing is MigrationState.CANARY:
        return _in_canary(migration, footing)
    return _promoted(migration, footing) if migration.state is MigrationState.PROMOTED else _back(migration, footing)


def _renting(migration: Migration, footing: Footing) -> Iterator[WayOn]:
    """Nothing answers yet that is to take over."""
    new = migration.new.name
    if footing.new.is_still:
        if footing.new is Stand.OUTBID:
            yield WayOn("go on", (_RESUME,), once="its bid wins again")
        yield WayOn("rent another instead", (f"cloudgpu down {new} --force", _RESUME))
    else:
        yield WayOn("go on", (_RESUME,))
    yield _giving_up(migration, footing)


def _at_the_gates(migration: Migration, footing: Footing) -> Iterator[WayOn]:
    """Both are to be asked, or were, and somebody must decide."""
    new, is_paused = migration.new.name, migration.state is MigrationState.PAUSED
    if footing.new is Stand.ANSWERS and footing.old is not Stand.ANSWERS:
        ready = WayOn(f"lead requests to {new}, which need only be ready now", (_RESUME,))
        yield _all_to_new(migration, footing) if is_paused else ready
    elif footing.new is Stand.ANSWERS:
        if is_paused:
            yield WayOn(f"give {new} its share", (_PROMOTE,))
        yield WayOn("ask both again" if is_paused or migration.verdict else "go on", (_RESUME,))
        if not is_paused and migration.verdict is not None and migration.verdict.outcome is Outcome.FAIL:
            yield WayOn("move all the same", (f"{_RESUME} --force",))
    yield _giving_up(migration, footing)
    if footing.new.is_left and footing.new is not Stand.ANSWERS:
        yield WayOn("ask both again", (_RESUME,), once=f"{new} answers")


def _in_canary(migration: Migration, footing: Footing) -> Iterator[WayOn]:
    if footing.old is not Stand.ANSWERS:
        if footing.new is Stand.ANSWERS:
            yield _all_to_new(migration, footing)
        yield _giving_up(migration, footing)
        return
    if footing.new is Stand.ANSWERS:
        if migration.due is not None:
            yield WayOn("watch it take its steps", ("cloudgpu migrate follow",))
        elif migration.is_recovering:
            yield WayOn("see whether it goes on passing", ("cloudgpu migrate follow --once",))
        if not migration.is_recovering:
            yield WayOn(_after_this_share(migration), (_PROMOTE,))
    if footing.new.is_left:
        yield WayOn(f"back to {migration.old.name} at once", (_ROLLBACK,))
    yield _giving_up(migration, footing)


def _after_this_share(migration: Migration) -> str:
    """What `promote` does in a canary."""
    new, strategy = migration.new.name, migration.strategy
    if strategy.way.stays_shared:
        return f"end the sharing, {new} taking over"
    return f"give {new} {'all requests' if migration.is_at_last_share else f'{strategy.steps[migration.step + 1]} %'}"


def _promoted(migration: Migration, footing: Footing) -> Iterator[WayOn]:
    old, new = migration.old.name, migration.new.name
    if footing.new is Stand.GONE or not (footing.old.is_left or footing.new.is_left):
        yield _keeping_the_rest(footing)
    elif not footing.old.is_left:
        yield WayOn(f"close it with {new} alone", (_FINALIZE,))
    elif footing.new is Stand.ANSWERS and footing.old is not Stand.ANSWERS:
        yield WayOn(f"stop paying for {old}", (_FINALIZE,))
    elif footing.new is Stand.ANSWERS:
        if migration.untold is not None:
            yield _telling_again()
        if migration.due is not None:
            yield WayOn("watch it, and end it then", ("cloudgpu migrate follow",))
        yield WayOn(f"keep {new} alone", (_FINALIZE,))
        yield WayOn(f"back to {old} at once", (_ROLLBACK,))
    elif footing.old is Stand.ANSWERS:
        yield WayOn(f"back to {old} at once", (_ROLLBACK,))
        yield _letting_go(new, old)
    else:
        yield WayOn(f"back to {old}", (_ROLLBACK,), once=f"{old} answers")
        yield WayOn(f"keep {new} alone", (_FINALIZE,), once=f"{new} answers")


def _back(migration: Migration, footing: Footing) -> Iterator[WayOn]:
    """The old side has all requests again."""
    old, new = migration.old.name, migration.new.name
    if footing.old is Stand.GONE or not footing.new.is_left:
        yield _keeping_the_rest(footing)
    elif footing.old is Stand.ANSWERS:
        if migration.untold is not None:
            yield _telling_again()
        yield WayOn(f"keep {old} alone", (_FINALIZE,))
        if footing.new is Stand.ANSWERS:
            yield WayOn(f"to {new} again, nothing is rented", (f"cloudgpu migrate --from {old}",))
    elif footing.new is Stand.ANSWERS or footing.old is Stand.GOING:
        yield _letting_go(old, new)
    else:
        yield WayOn(f"keep {old} alone", (_FINALIZE,), once=f"{old} answers")
        yield _giving_up(migration, footing)


def _closing(migration: Migration, footing: Footing) -> Iterator[WayOn]:
    """One side is being removed; the other must answer, or be all that is left."""
    keeps_new = migration.ending is Ending.KEEP_NEW
    keep, loser = (migration.new, migration.old) if keeps_new else (migration.old, migration.new)
    kept, lost = (footing.new, footing.old) if keeps_new else (footing.old, footing.new)
    if kept is Stand.ANSWERS or not lost.is_left:
        yield WayOn("finish it", (_RESUME,))
    elif kept is Stand.GONE:
        yield _keeping_the_rest(footing)
    elif lost is Stand.ANSWERS or kept is Stand.GOING:
        yield _letting_go(keep.name, loser.name)
    else:
        yield WayOn("finish it", (_RESUME,), once=f"{keep.name} answers")
    if migration.ending is Ending.ABORT and kept.is_left and kept is not Stand.ANSWERS and lost.is_left:
        yield _giving_up(migration, footing)


def _all_to_new(migration: Migration, footing: Footing) -> WayOn:
    """The old side does not answer. One that loads again may be wanted still."""
    lead = f"lead all requests to {migration.new.name}"
    if footing.old is Stand.COMING:
        return WayOn(lead, (f"{_PROMOTE} --full",))
    then = f"stop paying for {migration.old.name}" if footing.old.is_left else "close it"
    return WayOn(f"{lead}, and {then}", (f"{_PROMOTE} --full", _FINALIZE))


def _telling_again() -> WayOn:
    return WayOn("run the hook again", (_RESUME,))


def _keeping_the_rest(footing: Footing) -> WayOn:
    one_is_left = footing.old.is_left or footing.new.is_left
    return WayOn("keep what is left" if one_is_left else "close it: neither side is left", (_FINALIZE,))


def _letting_go(loser: str, keep: str) -> WayOn:
    """Of one that is in charge, or was to be kept: the migration's own words do not end it."""
    return WayOn(f"let {loser} go and keep {keep}", (f"cloudgpu down {loser} --force", _FINALIZE))


def _giving_up(migration: Migration, footing: Footing) -> WayOn:
    """The new side goes: as it is, by force when the old one does not answer, by hand when it is all that is left."""
    new = migration.new.name
    if not footing.new.is_left:
        return WayOn(_closing_words(migration, footing), (_ABORT,))
    if footing.old is Stand.ANSWERS or _gave_way(migration, footing):
        return WayOn(f"give {new} up", (_ABORT,))
    if footing.old.is_left:
        return WayOn(f"give {new} up all the same", (f"{_ABORT} --force",))
    return WayOn(f"give {new} up, which is all that is left", (f"cloudgpu down {new} --force", _ABORT))


def _closing_words(migration: Migration, footing: Footing) -> str:
    if not footing.old.is_left:
        return "close it: neither side is left"
    return "keep what is left" if migration.standing is MigrationState.CANARY else "give it up"


def _gave_way(migration: Migration, footing: Footing) -> bool:
    """The old side went first, as was agreed, and the new one has never answered."""
    return migration.replaces and migration.state is MigrationState.PROVISIONING and footing.old is Stand.GONE
