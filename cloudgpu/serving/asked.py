"""What a user asks of a deployment beyond its plan: how it is started and answers, not whether it fits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cloudgpu.serving.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`tools`: clients may let the model call functions. `reasoning`: what it thinks stands apart from its answer.

    `template` None is the usual one of the engine and the model; `variables` are what it leaves to the user.
    """

    tools: bool = False
    reasoning: bool = False
    template: Template | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


PLAIN = Asked()
"""Nothing beyond the plan."""
