"""What a campaign draws: a story is an afternoon of a user, and all that goes wrong in it. Plain values, as JSON."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from tests.campaign.shrink import one_changed, one_less


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


class Struck(Protocol):
    """What is typed, and what strikes it."""

    operation: str
    strikes: tuple[Strike, ...]


C = TypeVar("C", bound=Struck)


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


def shorter(story: Story) -> Iterator[Story]:
    """The same story less one part of it, in every way."""
    if story.strangers:
        yield replace(story, strangers=())
    if len(story.steps) > 1:
        yield from (replace(story, steps=steps) for steps in one_less(story.steps))
    yield from (replace(story, steps=steps) for steps in one_changed(story.steps, _less))


def calmer(typed: C) -> Iterator[C]:
    """The same command with one strike less."""
    yield from (replace(typed, strikes=strikes) for strikes in one_less(typed.strikes))


def _less(step: Step) -> Iterator[Step]:
    if step.pause_s:
        yield replace(step, pause_s=0.0)
    if len(step.commands) > 1:
        yield from (replace(step, commands=(command,)) for command in step.commands)
    yield from (replace(step, faults=faults) for faults in one_less(step.faults))
    yield from (replace(step, commands=commands) for commands in one_changed(step.commands, calmer))
