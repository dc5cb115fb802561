"""What lint says of a template of one's own, filled for the very machine that would be rented."""

from dataclasses import replace
from pathlib import Path

from cloudgpu.base.errors import CloudgpuError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.cli.rendered_profile import host_with
from cloudgpu.planning.plan import Plan
from cloudgpu.serving.asked import Asked
from cloudgpu.serving.launching import launch_of
from cloudgpu.serving.lint.check import lint_services
from cloudgpu.serving.lint.finding import Finding, Severity
from cloudgpu.serving.profile import as_service, of_launch
from cloudgpu.serving.template import Template

_KEY = Secret("named, never written")


def refuse_errors(plan: Plan, asked: Asked) -> None:
    """Raise UsageError where the template that was chosen holds an error, filled for the plan's first machine.

    What the package's template for the same plan is told as well is no fault of this one.
    """
    if asked.template is None:
        return
    text = Path(asked.template.origin).read_text(encoding="utf-8")
    usual = {(each.rule, each.message) for each in _usual_errors(plan, asked)}
    own = [each for each in _errors(plan, asked, text) if (each.rule, each.message) not in usual]
    if own:
        raise _refused(asked.template, plan.needs.model.short_name, own)


def _refused(template: Template, model: str, own: list[Finding]) -> UsageError:
    more = f" (and {len(own) - 1} more)" if own[1:] else ""
    ids = ", ".join(dict.fromkeys(each.rule for each in own))
    return UsageError(
        f"the template {template.name} would not start: {own[0].rule}, {own[0].message}{more}",
        hint=f"see: cloudgpu lint {template.origin} --model {model}; if you know better, write into it: "
        f"# cloudgpu: ignore-file {ids} why",
    )


def _usual_errors(plan: Plan, asked: Asked) -> list[Finding]:
    try:
        return _errors(plan, replace(asked, template=None, variables={}))
    except CloudgpuError:  # the package's own may ask for a variable, or refuse what this one was made for
        return []


def _errors(plan: Plan, asked: Asked, text: str = "") -> list[Finding]:
    candidate, name = plan.candidates[0], plan.needs.model.short_name
    offer = candidate.offer
    launch = launch_of(plan, candidate, service=name, api_key=_KEY, asked=asked)
    service = as_service(of_launch(name, launch, offer.gpu_count))
    host = host_with(offer.gpu, offer.gpu_memory_mib, offer.gpu_count)
    found = lint_services((service,), text, host=host, served=plan.needs.model).findings
    return [each for each in found if each.severity is Severity.ERROR]
