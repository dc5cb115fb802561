"""How the new side is started and answers: as it was asked of the old side, where that means something for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.cli.profile.files import asked_at_launch
from cloudgpu.cli.session import Session
from cloudgpu.cli.template_choice import asked_again, asked_of, words_of
from cloudgpu.planning.plan import Plan
from cloudgpu.running.deployment import Deployment
from cloudgpu.serving.asked import AskedWords
from cloudgpu.serving.launching import variables_of
from cloudgpu.serving.parsers import reasoning_parser, tool_parser
from cloudgpu.serving.template_folders import template_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWords:
    """What the command line of `migrate` itself says of it; None and empty: as of the old side."""

    tools: bool | None = None
    reasoning: bool | None = None
    template: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return self != OwnWords()


@dataclass(frozen=True, slots=True)
class Carried:
    """What is asked of the new side, and a sentence for each thing of the old side's that means nothing for it."""

    words: AskedWords
    left_out: tuple[str, ...]


def carried(session: Session, old: Deployment, plan: Plan, own: OwnWords) -> Carried:
    """The old side's words as far as the plan's model and engine know them, with the command line's own over them.

    What the command line itself asks is not looked at here: the request for it is refused when it cannot be. Raises
    UsageError, NotFoundError and BadFileError for its template.
    """
    kept = asked_at_launch(session.settings.state_dir, old.launch_digest)
    before = replace(kept, withheld=()) if kept else AskedWords()
    model, profile = plan.needs.model, plan.needs.options.profile()
    refused = {
        "tools": _refusal(before.tools, lambda: tool_parser(model, profile)),
        "reasoning": _refusal(before.reasoning, lambda: reasoning_parser(model, profile)),
        "template": _refusal(before.template, lambda: _check_template(plan, before)),
    }
    words = AskedWords(
        tools=own.tools if own.tools is not None else before.tools and not refused["tools"],
        reasoning=own.reasoning if own.reasoning is not None else before.reasoning and not refused["reasoning"],
        template=_own_template(own) or (None if refused["template"] else before.template),
    )
    left_out = tuple(
        f"{old.name} has --{name}, {model.short_name} goes without: {why}"
        for name, why in refused.items()
        if why and getattr(own, name) is None
    )
    return Carried(replace(words, variables=_variables(plan, words, before, own)), left_out + _unknown(old, kept, own))


def _unknown(old: Deployment, kept: AskedWords | None, own: OwnWords) -> tuple[str, ...]:
    """What cannot be carried because nobody here knows it."""
    if kept is None:
        return (f"{old.name} was not rented from here: give --tools, --reasoning and --template again if it has them",)
    return tuple(
        f"{old.name} was given --set {name}=…, a secret that is kept nowhere: set it again where it is needed"
        for name in kept.withheld
        if name not in own.variables
    )


def _refusal(wanted: object, check: Callable[[], object]) -> str | None:
    """Why the old side's word means nothing for the new one; None when it does, or there is none."""
    try:
        if wanted:
            check()
    except CloudgpuError as error:
        return error.message
    return None


def _own_template(own: OwnWords) -> str | None:
    return words_of(asked_of(own.template, (), tools=False, reasoning=False)).template


def _variables(plan: Plan, words: AskedWords, before: AskedWords, own: OwnWords) -> dict[str, str]:
    """Those of the same template go with it; of another one, only those that were just set."""
    same = words.template == before.template
    known = {each.name for each in template_of(plan, asked_again(words).template).variables} if same else set()
    return {name: value for name, value in before.variables.items() if name in known} | dict(own.variables)


def _check_template(plan: Plan, before: AskedWords) -> None:
    template = template_of(plan, asked_again(before).template)
    variables_of(template, before.variables)
