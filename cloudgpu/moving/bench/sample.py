"""One request as it was seen from here: when its pieces came, what they held, how it ended."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Trouble(StrEnum):
    """Why a request gave no answer."""

    REFUSED = "refused"
    """Nothing accepts a connection there."""
    TIMEOUT = "timeout"
    CUT_OFF = "cut_off"
    """The connection ended in the middle of an answer."""
    SERVER_ERROR = "server_error"
    """A status of 500 and above, or an error within the stream."""
    OVERLOADED = "overloaded"
    """429 or 503: it says itself that it is too busy."""
    UNAUTHORISED = "unauthorised"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    """It ended well and held nothing: no text, no reasoning, no tool call."""
    STOPPED = "stopped"
    """We ended it ourselves (Ctrl-C); it counts for nothing."""


CRASHES = frozenset({Trouble.REFUSED, Trouble.TIMEOUT, Trouble.CUT_OFF, Trouble.SERVER_ERROR})
"""What a client sees when an engine dies or hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A request and its times in real seconds.

    `users`, `turn` and `slot` say where in the workload it stood: the same three name the same question on each side.
    `began_s` counts from the beginning of its stage. `ttft_s` ends at the first piece of any kind, reasoning included,
    `answer_s` at the first piece that is not reasoning; both None when nothing was streamed. `itls_s` are the gaps
    between pieces. `prompt_tokens` and `output_tokens` are the server's own count, None when it gives none;
    `reasoning_tokens` as well. `pieces` is how many pieces came, `tool_calls` the arguments of each.
    `trouble` None: it was answered.
    """

    kind: str
    users: int
    turn: int
    slot: int
    began_s: float
    e2el_s: float
    ttft_s: float | None = None
    answer_s: float | None = None
    itls_s: tuple[float, ...] = ()
    pieces: int = 0
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    finish_reason: str | None = None
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[str, ...] = ()
    trouble: Trouble | None = None
    detail: str = ""

    @property
    def place(self) -> tuple[int, int, int]:
        """Where it stood in the workload."""
        return (self.users, self.turn, self.slot)

    @property
    def tpot_s(self) -> float | None:
        """Seconds a token after the first; None when that cannot be known (not streamed, not counted, one token)."""
        if self.trouble or self.ttft_s is None or self.output_tokens is None or self.output_tokens < 2:
            return None
        return (self.e2el_s - self.ttft_s) / (self.output_tokens - 1)

    @property
    def s_per_token(self) -> float | None:
        """The whole time shared among the tokens of the answer ("normalised latency"): needs no stream."""
        return None if self.trouble or not self.output_tokens else self.e2el_s / self.output_tokens

    def as_body(self) -> dict[str, Any]:
        """The form in which it is saved: JSON values only."""
        plain = {
            "itls_s": list(self.itls_s),
            "tool_calls": list(self.tool_calls),
            "trouble": self.trouble.value if self.trouble else None,
        }
        return asdict(self) | plain

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Sample":
        """What `as_body` wrote. Raises TypeError or ValueError for anything else."""
        trouble = Trouble(body["trouble"]) if body.get("trouble") else None
        lists = {name: tuple(body.get(name, ())) for name in ("itls_s", "tool_calls")}
        return Sample(**{**body, **lists, "trouble": trouble})
