"""What an endpoint is asked: four kinds of work, as people use chat models for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing to ask. `max_tokens` bounds the answer, reasoning included. `system` None: no system message.

    `tools` are offered in OpenAI's form, in a chat only.
    """

    kind: str
    text: str
    max_tokens: int
    system: str | None = None
    tools: tuple[Mapping[str, Any], ...] = ()


QUESTIONS = (
    Question(kind="greeting", text="Hello, how are you? Answer in one sentence.", max_tokens=64),
    Question(
        kind="fact",
        text="What is the capital of France, and when was the Eiffel Tower built? Add three facts about the tower.",
        max_tokens=128,
    ),
    Question(
        kind="code",
        text="Write a Python function that returns the factorial of a number, with a docstring and three examples.",
        max_tokens=192,
    ),
    Question(
        kind="reasoning",
        text=(
            "A train leaves Paris at 8:00 and travels at 200 km/h towards Marseille, 800 km away. "
            "When does it arrive? Explain each step."
        ),
        max_tokens=192,
    ),
)
"""Four kinds, so that short and long answers both count. Each is asked of every side in the same words."""


def marked(question: Question, mark: str) -> Question:
    """The question with a few letters in front that were never sent before.

    Engines keep the prompts they have read (prefix caching): the same words twice would time the cache, not the model.
    """
    return replace(question, text=f"[{mark}] {question.text}")
