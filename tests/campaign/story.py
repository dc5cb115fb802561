"""What a campaign draws: a story is an afternoon of a user, and all that goes wrong in it. Plain values, as JSON."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """Something that happens to a process when it reaches its n-th touch of journal, network, file or time.

    With `after` the touches are counted from the first of that name: `ask_create` is just before a create is sent.

    `do` is kill (-9), interrupt (Ctrl-C), terminate, full (no file can be written any more), clock (the machine's time
    is corrected by `seconds`), remove (somebody removes the newest instance at the provider's console).
    """

    touch: int
    do: str
    seconds: float = 0.0
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is typed: an operation (see `operations`), the deployment's name, and what strikes the process."""

    operation: str
    name: str
    strikes: tuple[Strike, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command, or two at once, under faults of the providers; then a pause in the market's seconds.

    `turns` seeds whose turn it is at each touch when two run at once.
    """

    commands: tuple[Command, ...]
    faults: tuple[Mapping[str, Any], ...] = ()
    turns: int = 0
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A whole run: at which provider each name lives, whose instances share the accounts, and what happens.

    Waits last `drowsy` times as long as they were meant to: a busy machine, and a fourth of the looks.
    """

    number: int
    market: int
    drowsy: int
    homes: Mapping[str, str]
    strangers: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]

    def as_text(self) -> str:
        """The story as JSON, to be kept and played again."""
        return json.dumps(dataclasses.asdict(self))


def story_from(text: str) -> Story:
    """The story that `as_text` wrote."""
    body = json.loads(text)
    steps = tuple(
        Step(
            commands=tuple(
                Command(
                    operation=each["operation"], name=each["name"],
                    strikes=tuple(Strike(**strike) for strike in each["strikes"]),
                )
                for each in step["commands"]
            ),
            faults=tuple(step["faults"]), turns=step["turns"], pause_s=step["pause_s"],
        )
        for step in body["steps"]
    )  # fmt: skip
    strangers = tuple((provider, label) for provider, label in body["strangers"])
    return Story(
        number=body["number"],
        market=body["market"],
        drowsy=body["drowsy"],
        homes=body["homes"],
        strangers=strangers,
        steps=steps,
    )
