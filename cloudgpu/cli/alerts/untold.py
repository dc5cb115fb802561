"""What a budget's targets were not told, in the words of `budget`, `cost` and `doctor`."""

from typing import TYPE_CHECKING

from cloudgpu.cli.alerts.telling import newly_reached, untold, untold_words
from cloudgpu.running.alert_target import read_targets

if TYPE_CHECKING:
    from cloudgpu.cli.alerts.standing import Standing
    from cloudgpu.cli.session import Session


def untold_lines(session: "Session", standing: "Standing") -> list[str]:
    """A sentence per target that could not be told something, and one for what nobody was told of yet."""
    waiting = untold(session, standing)
    failed = [(target, each, known) for target, each, known in waiting if known]
    lines = [f"{target.shown} was not told ({untold_words(known)}): {each.message}" for target, each, known in failed]
    if failed:
        lines.append("Once that is mended, cloudgpu budget alert --test sends it.")
    fresh = newly_reached(standing) or len(waiting) > len(failed)
    if fresh and read_targets(session.settings.state_dir):
        lines.append("Somebody is still to be told: `cloudgpu watch` does it while it runs, cloudgpu budget check now.")
    return lines


def untold_json(session: "Session", standing: "Standing") -> list[dict[str, object]]:
    """The same for programs. `tries` is 0 for what nobody tried to tell yet."""
    return [
        {"target": target.shown, "message": each.message, "tries": known.tries if known else 0,
         "reason": known.reason if known else None, "given_up": bool(known and known.is_given_up)}
        for target, each, known in untold(session, standing)
    ]  # fmt: skip
