"""The shortest story that fails in the same way: parts are taken out one by one, as long as it still does."""

from collections.abc import Iterator
from dataclasses import replace

from tests.campaign.stage import Stage
from tests.campaign.story import Command, Step, Story


def shrunk(stage: Stage, story: Story, broken: str) -> Story:
    """The story less everything that the failure does not need. `broken` names its kind before the colon."""
    kind = broken.partition(":")[0]
    smaller = True
    while smaller:
        smaller = False
        for shorter in _shorter(story):
            if any(each.startswith(kind) for each in stage.play(shorter).broken):
                story, smaller = shorter, True
                break
    return story


def _shorter(story: Story) -> Iterator[Story]:
    if story.strangers:
        yield replace(story, strangers=())
    for index, step in enumerate(story.steps):
        rest = story.steps[:index], story.steps[index + 1 :]
        if len(story.steps) > 1:
            yield replace(story, steps=(*rest[0], *rest[1]))
        for less in _less(step):
            yield replace(story, steps=(*rest[0], less, *rest[1]))


def _less(step: Step) -> Iterator[Step]:
    if step.pause_s:
        yield replace(step, pause_s=0.0)
    if len(step.commands) > 1:
        for command in step.commands:
            yield replace(step, commands=(command,))
    for index in range(len(step.faults)):
        yield replace(step, faults=step.faults[:index] + step.faults[index + 1 :])
    for index, command in enumerate(step.commands):
        for calmer in _calmer(command):
            yield replace(step, commands=(*step.commands[:index], calmer, *step.commands[index + 1 :]))


def _calmer(command: Command) -> Iterator[Command]:
    for index in range(len(command.strikes)):
        yield replace(command, strikes=command.strikes[:index] + command.strikes[index + 1 :])
