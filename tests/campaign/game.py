"""What a campaign needs to know of the stories that it plays; both campaigns are one of these."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class Drawn(Protocol):
    """Something that can be played: plain values, which one seed and number always give."""

    number: int

    def as_text(self) -> str:
        """As JSON, to be kept and played again."""
        ...


D = TypeVar("D", bound=Drawn)
D_in = TypeVar("D_in", bound=Drawn, contravariant=True)


@dataclass(slots=True)
class Told:
    """What was seen while something was played: what broke, and a line for each command."""

    broken: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


class Plays(Protocol[D_in]):
    """Where one after the other is played."""

    def play(self, drawn: D_in) -> Told:
        """Play it to its end, put everything right again as a user would, and judge."""
        ...

    def close(self) -> None:
        """End what runs for it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Game(Generic[D]):
    """`draw` takes seed and number, `read` what `as_text` wrote; `shorter` yields the same less one part each."""

    draw: Callable[[int, int], D]
    read: Callable[[str], D]
    stage: Callable[[], Plays[D]]
    shorter: Callable[[D], Iterator[D]]
