"""The shortest tale that fails in the same way: parts are taken out one by one, as long as it still does."""

from collections.abc import Iterator
from dataclasses import replace

from tests.campaign.migrate.stage import MoveStage
from tests.campaign.migrate.tale import Chapter, Tale, Typed


def shrunk(stage: MoveStage, tale: Tale, broken: str) -> Tale:
    """The tale less everything that the failure does not need. `broken` names its kind before the colon."""
    kind = broken.partition(":")[0]
    smaller = True
    while smaller:
        smaller = False
        for shorter in _shorter(tale):
            if any(each.startswith(kind) for each in stage.tell(shorter).broken):
                tale, smaller = shorter, True
                break
    return tale


def _shorter(tale: Tale) -> Iterator[Tale]:
    for index, chapter in enumerate(tale.chapters):
        before, after = tale.chapters[:index], tale.chapters[index + 1 :]
        if len(tale.chapters) > 1:
            yield replace(tale, chapters=(*before, *after))
        for less in _less(chapter):
            yield replace(tale, chapters=(*before, less, *after))


def _less(chapter: Chapter) -> Iterator[Chapter]:
    if chapter.pause_s:
        yield replace(chapter, pause_s=0.0)
    if chapter.gates != "pass":
        yield replace(chapter, gates="pass")
    for name in ("fates", "faults"):
        parts = getattr(chapter, name)
        for index in range(len(parts)):
            yield replace(chapter, **{name: parts[:index] + parts[index + 1 :]})
    for index, typed in enumerate(chapter.typed):
        if len(chapter.typed) > 1:
            yield replace(chapter, typed=chapter.typed[:index] + chapter.typed[index + 1 :])
        for calmer in _calmer(typed):
            yield replace(chapter, typed=(*chapter.typed[:index], calmer, *chapter.typed[index + 1 :]))


def _calmer(typed: Typed) -> Iterator[Typed]:
    for index in range(len(typed.strikes)):
        yield replace(typed, strikes=typed.strikes[:index] + typed.strikes[index + 1 :])
