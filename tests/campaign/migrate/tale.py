"""What this campaign draws: a tale of one migration, from the first command to the last. Plain values, as JSON."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.campaign.shrink import one_changed, one_less
from tests.campaign.story import Strike, calmer

FATES = ("dies", "offline", "stops", "removed", "slow", "errs", "garbage", "silent", "well", "gateway_gone", "busy")
"""What may become of a side (`old_dies`), and of the gateway, which has none.

dies: the engine exits, its machine bills on. offline: the host is gone. stops: somebody stops it. removed: at the
provider's console. slow: six times to the first token. errs: clients get 500s that a probe does not see. garbage:
broken weights. silent: it answers 500, to health checks too. busy: it is still answering a long request. well: none of
it any more, where that can be.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A command (see `operations`) and what strikes it: as in a story, or a fate of a side."""

    operation: str
    strikes: tuple[Strike, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """Fates, then a command or two at once under faults of the provider, then time that passes unseen.

    `gates` is what the gates find of a new side that is well: pass, fail or unclear.
    """

    typed: tuple[Typed, ...]
    fates: tuple[str, ...] = ()
    faults: tuple[Mapping[str, Any], ...] = ()
    gates: str = "pass"
    turns: int = 0
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tale:
    """A whole run. `gateway` is direct, stood_in or haproxy; `words` are the options that `migrate` is typed with."""

    number: int
    market: int
    drowsy: int
    provider: str
    gateway: str
    words: tuple[str, ...]
    chapters: tuple[Chapter, ...]

    @property
    def begins_with_paper(self) -> bool:
        """Whether a gateway on paper leads to its service from the beginning."""
        return self.gateway == "stood_in"

    def as_text(self) -> str:
        """The tale as JSON, to be kept and played again."""
        return json.dumps(dataclasses.asdict(self))


def tale_from(text: str) -> Tale:
    """The tale that `as_text` wrote."""
    body = json.loads(text)
    chapters = tuple(
        Chapter(**{
            **each, "fates": tuple(each["fates"]), "faults": tuple(each["faults"]),
            "typed": tuple(
                Typed(operation=one["operation"], strikes=tuple(Strike(**strike) for strike in one["strikes"]))
                for one in each["typed"]
            ),
        })
        for each in body["chapters"]
    )  # fmt: skip
    return Tale(**{**body, "words": tuple(body["words"]), "chapters": chapters})


def shorter(tale: Tale) -> Iterator[Tale]:
    """The same tale less one part of it, in every way."""
    if len(tale.chapters) > 1:
        yield from (replace(tale, chapters=chapters) for chapters in one_less(tale.chapters))
    yield from (replace(tale, chapters=chapters) for chapters in one_changed(tale.chapters, _less))


def _less(chapter: Chapter) -> Iterator[Chapter]:
    if chapter.pause_s:
        yield replace(chapter, pause_s=0.0)
    if chapter.gates != "pass":
        yield replace(chapter, gates="pass")
    yield from (replace(chapter, fates=fates) for fates in one_less(chapter.fates))
    yield from (replace(chapter, faults=faults) for faults in one_less(chapter.faults))
    if len(chapter.typed) > 1:
        yield from (replace(chapter, typed=typed) for typed in one_less(chapter.typed))
    yield from (replace(chapter, typed=typed) for typed in one_changed(chapter.typed, calmer))
