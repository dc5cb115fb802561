"""Runs the rules over a file: reads its services, settles the release, keeps what nobody asked to ignore."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloudgpu.base.errors import UsageError
from cloudgpu.serving.lint import rules  # noqa: F401  (enters the rules)
from cloudgpu.serving.lint.case import Case, Host
from cloudgpu.serving.lint.finding import Finding, Hit, Severity
from cloudgpu.serving.lint.hub_facts import HubFacts
from cloudgpu.serving.lint.other_engines import other_engine
from cloudgpu.serving.lint.reading.compose import read_compose
from cloudgpu.serving.lint.reading.service import Service
from cloudgpu.serving.lint.reading.shell import read_shell
from cloudgpu.serving.lint.releases.flag_table import NEWEST
from cloudgpu.serving.lint.rule import RULES, Rule
from cloudgpu.serving.lint.template_service import is_template, read_template_service
from cloudgpu.sizing.engines.vllm import DEFAULT_VERSION, profile
from cloudgpu.sizing.model import ModelSpec

_TAG = re.compile(r"(?::|vllm[_-])v?(\d\.\d+(?:\.\d+)?)(?!\d)")
"""The release in a tag; NVIDIA's tags (`vllm:26.03-py3`) are months."""

_IGNORE = re.compile(r"#\s*cloudgpu:\s*ignore(-file)?\s+([A-Z]\d+(?:\s*,\s*[A-Z]\d+)*)\b(.*)")
_VLLM_IMAGE = re.compile(r"vllm", re.IGNORECASE)
_OF_ANY_SERVICE = ("O13", "S11")
"""Compose refuses the file whatever the service runs, and a misspelt `command:` hides a model server; other engines
are as open without a key."""

_NOTHING: Mapping[str, HubFacts] = {}
_ORDER = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The findings of a file, worst first, the services that were checked, and those that no rule knows."""

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(each.severity is Severity.ERROR for each in self.findings)


def read_services(
    text: str, name: str, variables: Mapping[str, str], version: str | None = None, folder: Path | None = None
) -> list[Service]:  # fmt: skip
    """The servers of a file: a template by its keys, compose by its ending or its look, else shell.

    `version` is what a template is filled with; None: what plans are made for. `folder` is where the `env_file`s of
    compose stand; None: they are not read. Raises BadFileError for YAML that is none, UsageError when nothing in it
    starts a server.
    """
    if is_template(text):
        return [read_template_service(text, name, variables, version or DEFAULT_VERSION)]
    is_yaml = name.endswith((".yml", ".yaml")) or re.search(r"^services:", text, re.MULTILINE)
    found = read_compose(text, variables, name, folder) if is_yaml else read_shell(text, variables)
    if not found:
        raise UsageError(
            f"nothing in {name} starts a model server",
            hint="a compose file, a template, or a shell file with `vllm serve`",
        )
    return found


def lint(
    text: str,
    name: str,
    *,
    variables: Mapping[str, str],
    host: Host | None = None,
    version: str | None = None,
    folder: Path | None = None,
) -> Report:
    """Check every server of a file. `version` is taken where the file names none; None: the newest that is known.

    Reads no network. Raises as `read_services`, and UsageError for a version that does not exist.
    """
    return lint_services(read_services(text, name, variables, version, folder), text, host=host, version=version)


def lint_services(
    services: Sequence[Service], text: str = "", *, host: Host | None = None, version: str | None = None,
    beside: Sequence[Service] = (), repositories: Mapping[str, HubFacts] = _NOTHING, served: ModelSpec | None = None,
) -> Report:  # fmt: skip
    """Check servers that were read already; `text` is where they were read, with the comments that silence rules.

    `beside` are servers of other files, which may run at the same time; `repositories` what the Hub was asked; `served`
    is the model of those that name none that is known.

    Raises UsageError for a version that does not exist.
    """
    profile(version or NEWEST)
    ours = [each for each in services if is_vllm(each)]
    findings = [
        finding
        for each in services
        for finding in _check(
            case_of(each, services, host, version, beside, repositories, served),
            RULES.values() if each in ours else [RULES[rule] for rule in _OF_ANY_SERVICE],
        )
    ]
    kept = [each for each in findings if not _is_ignored(each, text)]
    return Report(
        findings=tuple(sorted(kept, key=_rank)),
        checked=tuple(each.name for each in ours),
        left_out=tuple(each.name for each in services if each not in ours),
    )


def case_of(
    service: Service, others: Sequence[Service], host: Host | None, version: str | None,
    beside: Sequence[Service] = (), repositories: Mapping[str, HubFacts] = _NOTHING, served: ModelSpec | None = None,
) -> Case:  # fmt: skip
    """A service with the release it is checked against: the image's own, else the one that was asked for."""
    pinned = _release_in(service.image)
    return Case(
        service=service, version=pinned or version or NEWEST, is_pinned=bool(pinned or (version and not service.image)),
        is_told=bool(version), host=host, others=tuple(each for each in others if each is not service),
        beside=tuple(each for each in beside if each.name != service.name), repositories=repositories,
        served=served,
    )  # fmt: skip


def is_vllm(service: Service) -> bool:
    """Whether the rules know its engine: by its image, else by its first words."""
    if other_engine(service):
        return False
    told = " ".join([service.image or "", *(word.text for word in service.words[:4])])
    return bool(_VLLM_IMAGE.search(told)) or any(word.text in ("serve", "--model") for word in service.words)


def _check(case: Case, asked: Iterable[Rule]) -> list[Finding]:
    return [finding for each in asked for finding in _findings(each, case)]


def _findings(rule: Rule, case: Case) -> list[Finding]:
    return [
        Finding(
            rule=rule.id, severity=_severity(rule, hit, case), service=case.service.name, message=hit.message,
            fix=hit.fix, at=hit.at, edits=hit.edits, source=rule.source,
        )
        for hit in rule.check(case)
    ]  # fmt: skip


def _severity(rule: Rule, hit: Hit, case: Case) -> Severity:
    """The rule's, unless the check knows better. What depends on the release is no error while that is a guess."""
    severity = hit.severity or rule.severity
    return Severity.WARNING if severity is Severity.ERROR and rule.versions != "all" and case.is_guessed else severity


def _release_in(image: str | None) -> str | None:
    """`vllm/vllm-openai:v0.11.0` names 0.11.0; `latest`, a digest and tags of one's own name none."""
    found = _TAG.search((image or "").rpartition("/")[2]) if image and _VLLM_IMAGE.search(image) else None
    if not found:
        return None
    version = found[1] if found[1].count(".") == 2 else f"{found[1]}.0"
    try:
        profile(version)
    except UsageError:
        return None
    return version


def _is_ignored(finding: Finding, text: str) -> bool:
    """`# cloudgpu: ignore V12 why` on the line or the one above it; `ignore-file` anywhere."""
    for number, line in enumerate(text.splitlines(), 1):
        found = _IGNORE.search(line)
        if found and finding.rule in re.split(r"\s*,\s*", found[2]):
            spot = finding.at.line if finding.at else 0
            if found[1] or number in (spot, spot - 1):
                return True
    return False


def _rank(finding: Finding) -> tuple[int, str, int, str]:
    return _ORDER[finding.severity], finding.service, finding.at.line if finding.at else 0, finding.rule
