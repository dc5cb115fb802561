"""What a user asks of a deployment beyond its plan: how it answers, not whether it fits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`tools`: clients may let the model call functions. `reasoning`: what it thinks stands apart from its answer."""

    tools: bool = False
    reasoning: bool = False


PLAIN = Asked()
"""Nothing beyond the plan."""
