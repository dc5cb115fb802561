"""A report in other tools' forms: SARIF for code hosts, annotations for GitHub's logs."""

from collections.abc import Mapping
from typing import Any

from cloudgpu.serving.lint.check import Report
from cloudgpu.serving.lint.finding import Finding, Severity
from cloudgpu.serving.lint.rule import RULES

_SARIF_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_GITHUB_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}


def as_json(report: Report) -> list[Mapping[str, Any]]:
    """The findings as plain values."""
    return [
        {
            "rule": each.rule, "severity": each.severity.value, "service": each.service, "message": each.message,
            "fix": each.fix, "line": each.at.line if each.at else None, "column": each.at.column if each.at else None,
            "source": each.source,
        }
        for each in report.findings
    ]  # fmt: skip


def as_sarif(reports: Mapping[str, Report], version: str) -> Mapping[str, Any]:
    """SARIF 2.1.0, one result per finding; rules with their titles and sources."""
    rules = [
        {
            "id": rule.id, "name": rule.check.__name__, "shortDescription": {"text": rule.title},
            "fullDescription": {"text": f"{rule.check.__doc__} Releases: {rule.versions}. Source: {rule.source}."},
            "defaultConfiguration": {"level": _SARIF_LEVELS[rule.severity]},
        }
        for rule in RULES.values()
    ]  # fmt: skip
    results = [_result(name, each) for name, report in reports.items() for each in report.findings]
    driver = {"name": "cloudgpu lint", "version": version, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def as_github(name: str, report: Report) -> list[str]:
    """One workflow command a finding: GitHub shows it at the line."""
    return [
        f"::{_GITHUB_LEVELS[each.severity]} file={name},line={each.at.line if each.at else 1},title={each.rule}::"
        + _escaped(_sentence(each))
        for each in report.findings
    ]


def _result(name: str, finding: Finding) -> Mapping[str, Any]:
    region = {"startLine": finding.at.line, "startColumn": finding.at.column} if finding.at else {"startLine": 1}
    return {
        "ruleId": finding.rule,
        "level": _SARIF_LEVELS[finding.severity],
        "message": {"text": _sentence(finding)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": name}, "region": region}}],
    }


def _sentence(finding: Finding) -> str:
    return f"{finding.message}. Fix: {finding.fix}." if finding.fix else f"{finding.message}."


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(each, each) for each in text)
