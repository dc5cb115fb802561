"""A plan's candidate and a template, made into what a provider is asked to start."""

from collections.abc import Mapping

from cloudgpu.base.errors import UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.plan import Plan
from cloudgpu.serving.asked import PLAIN, Asked
from cloudgpu.serving.launch import LaunchRequest
from cloudgpu.serving.placeholders import Value, values_of
from cloudgpu.serving.template import Template, Variable, render
from cloudgpu.serving.template_folders import template_of


def launch_of(
    plan: Plan, candidate: Candidate, *, service: str, api_key: Secret, hf_token: Secret | None = None,
    asked: Asked = PLAIN,
) -> LaunchRequest:  # fmt: skip
    """What to start on this candidate so that it serves the plan's model under the service's name and key.

    `hf_token` goes to the rented machine when it is given, so it is given only when the user says so. Raises UsageError
    for what the engine's release refuses and for variables that the template does not have.
    """
    template = template_of(plan, asked.template)
    values: dict[str, Value] = {
        **values_of(plan, candidate, service, tools=asked.tools, reasoning=asked.reasoning),
        **variables_of(template, asked.variables),
        "PORT": str(template.port),
        "api_key": api_key,
        "hf_token": hf_token,
    }
    return render(template, values, plan, candidate.checkpoint)


def variables_of(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """The template's variables with what was set. Raises UsageError for one that is missing, unknown or of no form."""
    found = settled_variables(template, given)
    for each in template.variables:
        if each.name not in found:
            raise UsageError(
                f"the template {template.name} needs {each.name}: {each.about}", hint=f"--set {each.name}=…"
            )
    return found


def settled_variables(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """Those that were set or have a default. Raises UsageError for one that is unknown or of no form."""
    known = {each.name: each for each in template.variables}
    for name in given:
        if name not in known:
            raise UsageError(
                f"the template {template.name} has no variable {name}",
                hint="it has " + ", ".join(known) if known else "leave --set out",
            )
    values = {name: given.get(name, each.default) for name, each in known.items()}
    return {name: _checked(known[name], value) for name, value in values.items() if value is not None}


def _checked(variable: Variable, value: str) -> str:
    if variable.type == "integer" and not value.lstrip("-").isdigit():
        raise UsageError(f"{variable.name} must be a whole number, not {value!r}", hint=variable.about)
    if variable.choices and value not in variable.choices:
        raise UsageError(f"{variable.name} cannot be {value!r}", hint="one of " + ", ".join(variable.choices))
    return value
