"""Five published profiles that do not start on today's engine: what is fatal in each is found, and mended."""

import pytest
from lint_profiles import PROFILES

from cloudgpu.serving.lint.check import lint
from cloudgpu.serving.lint.finding import Severity
from cloudgpu.serving.lint.fixing.fix import fixed

FATAL = {
    "micro.yml": {"V01", "V13", "S01"},
    "mini.yml": {"V01", "V13", "S01"},
    "medium-c.yml": {"V01", "V13", "S01"},
    "medium-e.yml": {"V01", "V03", "V13"},
    "medium-vl.yml": {"V01", "V05", "V06", "V11"},
}
ALSO = {
    "micro.yml": {"V16", "V29", "V32", "V33", "O01"},
    "mini.yml": {"V16", "V29", "V32", "V33", "O01"},
    "medium-c.yml": {"V11", "V16", "V29", "V32", "V33", "O01", "O03"},
    "medium-e.yml": {"O01", "O03", "V38"},
    "medium-vl.yml": {"V15", "V35", "V36", "S02", "S06", "O01", "O05"},
}


def checked(name, cards):
    return lint((PROFILES / name).read_text(), name, variables={}, host=cards("RTX 4090", 2))


@pytest.mark.parametrize("name", FATAL)
def test_every_fatal_flaw_is_found_and_no_other_is_claimed(name, cards):
    report = checked(name, cards)
    assert {each.rule for each in report.findings if each.severity is Severity.ERROR} == FATAL[name]
    assert ALSO[name] <= {each.rule for each in report.findings if each.severity is not Severity.ERROR}


@pytest.mark.parametrize("name", FATAL)
def test_each_finding_stands_at_its_line(name, cards):
    lines = (PROFILES / name).read_text().splitlines()
    for each in checked(name, cards).findings:
        if each.rule in ("V01", "V05", "V06"):
            assert each.message.split()[0].split("=")[0] in lines[each.at.line - 1]


@pytest.mark.parametrize("name", FATAL)
def test_the_corrected_profile_has_no_error_left_and_a_second_correction_changes_nothing(name, cards):
    text, host = (PROFILES / name).read_text(), cards("RTX 4090", 2)
    after = fixed(text, name, variables={}, host=host, version=None).text
    assert lint(after, name, variables={}, host=host).errors == 0
    assert fixed(after, name, variables={}, host=host, version=None).text == after


def test_before_its_flags_were_removed_the_validated_profile_started_without_its_comments(cards):
    text = (PROFILES / "medium-e.yml").read_text().replace(":latest", ":v0.11.0")
    clean = "\n".join(line.split("  #")[0] for line in text.splitlines())
    report = lint(clean, "e.yml", variables={}, host=cards("RTX 4090", 2, 128))
    assert report.errors == 0
