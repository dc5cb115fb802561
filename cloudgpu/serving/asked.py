"""What a user asks of a deployment beyond its plan: how it is started and answers, not whether it fits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudgpu.serving.secret_name import is_secret_name
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedWords:
    """The same in words that can be kept: `template` is a name, or the whole path of a file; None for the usual one.

    `withheld` are variables that were set once and look like secrets: their values were not kept.
    """

    tools: bool = False
    reasoning: bool = False
    template: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()

    def as_body(self) -> dict[str, Any]:
        """JSON values only, and no secret among them."""
        secret = {name for name in self.variables if is_secret_name(name)}
        return {
            "tools": self.tools, "reasoning": self.reasoning, "template": self.template,
            "variables": {name: value for name, value in self.variables.items() if name not in secret},
            "withheld": sorted(secret.union(self.withheld)),
        }  # fmt: skip

    def as_options(self) -> tuple[str, ...]:
        """The same for the command line of `up`; of what was withheld the name, for the user to fill in."""
        flags = [each for each, wanted in (("--tools", self.tools), ("--reasoning", self.reasoning)) if wanted]
        template = ["--template", self.template] if self.template else []
        values = dict(self.variables) | dict.fromkeys(self.withheld, "…")
        return (*flags, *template, *(word for name, value in values.items() for word in ("--set", f"{name}={value}")))

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "AskedWords":
        """What `as_body` wrote. Raises KeyError or TypeError when it is not that."""
        return AskedWords(
            tools=bool(body["tools"]), reasoning=bool(body["reasoning"]), template=body["template"],
            variables=dict(body["variables"]), withheld=tuple(body.get("withheld", ())),
        )  # fmt: skip


PLAIN = Asked()
"""Nothing beyond the plan."""
