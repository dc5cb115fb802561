"""What a rule is, and the list of all of them. Each check is one function under the `rule` decorator."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Hit, Severity

Check = Callable[[Case], Iterator[Hit]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`id` never changes its meaning; `versions` names the releases concerned, in words; `source` where it is from."""

    id: str
    severity: Severity
    title: str
    versions: str
    source: str
    check: Check


RULES: dict[str, Rule] = {}


def rule(
    rule_id: str, severity: Severity, title: str, *, versions: str = "all", source: str
) -> Callable[[Check], Check]:
    """Enter a check under its id. Raises ValueError for an id that is taken."""

    def enter(check: Check) -> Check:
        if rule_id in RULES:
            raise ValueError(f"{rule_id} exists twice")
        RULES[rule_id] = Rule(
            id=rule_id, severity=severity, title=title, versions=versions, source=source, check=check
        )  # fmt: skip
        return check

    return enter
