"""How findings, rules and corrections are shown."""

import difflib
from collections.abc import Mapping
from pathlib import Path

from cloudgpu import __version__
from cloudgpu.cli import render
from cloudgpu.cli.render import Column
from cloudgpu.serving.lint.check import Report
from cloudgpu.serving.lint.finding import Finding, Severity
from cloudgpu.serving.lint.fixing.fix import Correction
from cloudgpu.serving.lint.formats import as_github, as_json, as_sarif
from cloudgpu.serving.lint.rule import RULES

_STYLES = {Severity.ERROR: "bold yellow", Severity.WARNING: "", Severity.NOTE: "dim"}
_MARKS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def show_reports(reports: Mapping[str, Report], form: str) -> None:
    """The findings of all files in one of the forms."""
    match form:
        case "json":
            render.out_json({"files": [
                {"file": name, "services": report.checked, "left_out": report.left_out, "findings": as_json(report)}
                for name, report in reports.items()
            ]})  # fmt: skip
        case "sarif":
            render.out_plain_json(as_sarif(reports, __version__))
        case "github":
            for name, report in reports.items():
                for line in as_github(name, report):
                    render.shell(line)
        case _:
            for name, report in reports.items():
                _show(name, report)


def show_rules(*, as_json: bool) -> None:
    """Every rule: id, severity, releases and what it is about."""
    found = [(rule.id, rule.severity.value, rule.versions, rule.title, rule.source) for rule in RULES.values()]
    if as_json:
        names = ("id", "severity", "versions", "title", "source")
        return render.out_json({"rules": [dict(zip(names, row, strict=True)) for row in found]})
    columns = [Column("Rule"), Column("Severity"), Column("Releases", drop=2), Column("What"), Column("Source", drop=1)]
    return render.table(columns, sorted(found))


def show_correction(path: Path, before: str, correction: Correction) -> None:
    """What was changed, as a unified difference, and what could not be changed safely."""
    after = correction.text
    if before == after:
        render.text(f"{path}: nothing was changed.")
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), str(path), f"{path} (fixed)", lineterm="")
    for line in lines:
        render.shell(line)
    for each in correction.left:
        render.note(each)
    render.text()


def _show(name: str, report: Report) -> None:
    render.heading(name)
    for finding in report.findings:
        _show_finding(finding)
    for service in report.left_out:
        render.note(f"  {service}: no vLLM server, not checked")
    if not report.checked:
        return render.text("  nothing in it was checked")
    counts = [(each, sum(f.severity is each for f in report.findings)) for each in Severity]
    told = ", ".join(f"{count} {_MARKS[each]}{'s' * (count != 1)}" for each, count in counts if count)
    return render.text(f"  {told or 'nothing to say'} in {', '.join(report.checked)}")


def _show_finding(finding: Finding) -> None:
    spot = f"{finding.at.line}:{finding.at.column}" if finding.at else ""
    label = f"  {spot:>7}  {finding.rule}  {_MARKS[finding.severity]:<7}  "
    render.hanging(label, f"{finding.message}.", _STYLES[finding.severity])
    if finding.fix:
        render.hanging(f"{'':>{len(label)}}→ ", finding.fix, "dim")
