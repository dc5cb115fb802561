"""Whether a side that answers also makes sense: the free anomaly check on a few answers of its own."""

from collections.abc import Callable

from cloudgpu.moving.quality.anomalies import anomalies
from cloudgpu.running.health import Health

QUESTIONS = (
    "What is the capital of France, and what is it known for?",
    "Explain in two sentences how rain comes to fall.",
    "Which three things does one need to bake a bread?",
)
MAX_TOKENS = 48

_BROKEN = frozenset({"empty", "no words", "loop", "wrong language"})
"""Signs that no sound model shows at most of plain questions. A refusal or a token of a template may be its manner,
which its gates judged beside the old side's, and an answer is cut off because so little room is given to it."""

Ask = Callable[[str, int], Health]
"""Puts a question, with room for so many tokens."""


def nonsense(said: str | None, ask: Ask, *, thoroughly: bool) -> str | None:
    """Why what a side says looks broken; None when it does not.

    `said` is what it just said to "Say hello." Only when that looks odd, or `thoroughly`, are the questions put to it:
    one odd answer is no proof, most of three are.
    """
    if not thoroughly and (said is None or not _signs("Say hello.", said)):
        return None
    odd = [_found(question, ask(question, MAX_TOKENS)) for question in QUESTIONS]
    broken = [each for each in odd if each]
    if 2 * len(broken) <= len(QUESTIONS):
        return None
    return f"{len(broken)} of {len(QUESTIONS)} answers look broken ({', '.join(dict.fromkeys(broken))})"


def _found(question: str, reply: Health) -> str | None:
    if not reply.ready:
        return "no answer"
    return None if reply.text is None else next(iter(_signs(question, reply.text)), None)


def _signs(question: str, text: str) -> list[str]:
    return [each for each in anomalies(question, text) if each in _BROKEN]
