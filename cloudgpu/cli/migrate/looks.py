"""What goes back by itself and what needs a look: the same words before a migration, after it, and in `status`."""

from collections.abc import Iterator

from cloudgpu.cli import render
from cloudgpu.cli.migrate.standing import Standing
from cloudgpu.moving.footing import Footing
from cloudgpu.moving.strategy import Strategy

FOLLOW = "cloudgpu migrate follow"
_NOBODY_LOOKS = f"nothing looks by itself: type {FOLLOW}, or let cron run {FOLLOW} --once"


def steps_of_looks(strategy: Strategy, old: str, *, follows: bool) -> list[str]:
    """The last steps of a plan: how long the old side is kept, and what looks do. `follows`: this command looks."""
    if strategy.way.stays_shared:
        return ["stay so until: cloudgpu migrate promote | rollback | abort", _at_a_look(strategy)]
    if strategy.window_s is None:
        return [f"keep {old} warm until finalize", _at_a_look(strategy)]
    window = render.duration(strategy.window_s)
    if follows:
        found = "go back at a regression, else" if strategy.auto_rollback else "say a regression, and without one"
        kept = f"keep {old} warm for {window} and look all the while; {found} remove {old} then"
        return [kept, f"after Ctrl-C nothing looks and both bill on, until: {FOLLOW}"]
    kept = f"keep {old} warm for {window}, and until a look after that removes it: both bill till then"
    return [kept, _at_a_look(strategy)]


def words_of_looks(now: Standing) -> Iterator[str]:
    """What each look would do, and who looks, where a migration goes on by looks alone; nothing elsewhere."""
    migration = now.migration
    if not migration.standing.is_watched or migration.ending or now.footing != Footing():
        return
    if now.has_gateway:
        yield "A side that dies is left at once: the gateway asks the other one."
    goes_back = "goes back at a look" if migration.strategy.auto_rollback else "is only said, at a look"
    yield f"A regression {goes_back}. {_NOBODY_LOOKS[0].upper()}{_NOBODY_LOOKS[1:]}."


def _at_a_look(strategy: Strategy) -> str:
    does = "go back at" if strategy.auto_rollback else "only say"
    return f"{does} a regression that a look finds; {_NOBODY_LOOKS}"
