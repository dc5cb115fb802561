"""The same question, asked of the old side and of the new one, and what the answers allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudgpu.base.errors import BadFileError

QUESTIONS = (
    "In one sentence: what is a migration without downtime?",
    "List three colours, separated by commas, and nothing else.",
    "What is 17 + 25? Answer with the number alone.",
)
MAX_QUESTIONS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One side's answer. Times are real seconds, measured here: to the first token, and to the last.

    `error` is one sentence when there was no answer (`text` is then empty and the times are None).
    """

    text: str = ""
    ttft_s: float | None = None
    total_s: float | None = None
    error: str | None = None

    @property
    def is_answer(self) -> bool:
        """It said something."""
        return self.error is None and bool(self.text.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A question with both answers."""

    question: str
    old: Reply
    new: Reply

    def as_body(self) -> dict[str, Any]:
        """The form in which it is kept and shown: JSON values only."""
        return {"question": self.question, "old": _body(self.old), "new": _body(self.new)}

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "Comparison":
        """What `as_body` wrote."""
        return Comparison(question=body["question"], old=Reply(**body["old"]), new=Reply(**body["new"]))


def objection(comparisons: Sequence[Comparison]) -> str | None:
    """Why the new side must not take over, in one sentence; None when it may.

    It must answer every question that the old side answers, and at least one.
    """
    worse = [each for each in comparisons if each.old.is_answer and not each.new.is_answer]
    if worse:
        reason = worse[0].new.error or "it was empty"
        asked = f"{len(worse)} of {len(comparisons)} questions"
        return f"the new side gave no answer to {asked} that the old one answers ({reason})"
    if not any(each.new.is_answer for each in comparisons):
        return "the new side answered no question"
    return None


def read_questions(path: Path) -> tuple[str, ...]:
    """The questions of a text file, one a line; empty lines and lines that begin with # are left out.

    Raises BadFileError when it cannot be read, holds none, or more than 50.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"the questions file {path} cannot be read", hint=f"{error}") from error
    questions = tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
    if not 0 < len(questions) <= MAX_QUESTIONS:
        raise BadFileError(
            f"the questions file {path} holds {len(questions)} questions",
            hint=f"write 1 to {MAX_QUESTIONS} questions, one a line",
        )
    return questions


def _body(reply: Reply) -> dict[str, Any]:
    return {"text": reply.text, "ttft_s": reply.ttft_s, "total_s": reply.total_s, "error": reply.error}
