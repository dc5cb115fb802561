"""Published commands: what started is never called an error, what failed is."""

from pathlib import Path

import pytest
import yaml

from cloudgpu.serving.lint.check import lint

PUBLISHED = yaml.safe_load((Path(__file__).parent / "published.yml").read_text(encoding="utf-8"))


def errors(text, name, version=None):
    report = lint(text, name, variables={}, version=version)
    return {each.rule for each in report.findings if each.severity.value == "error"}


@pytest.mark.parametrize("case", PUBLISHED["shell"], ids=lambda case: case["seen"])
def test_a_published_command_is_an_error_only_where_it_failed(case):
    assert errors(case["text"] + "\n", "start.sh", case["release"]) == set(case["errors"])


@pytest.mark.parametrize("case", PUBLISHED["compose"], ids=lambda case: case["seen"])
def test_a_published_compose_file_is_an_error_only_where_it_failed(case):
    assert errors(case["text"], "compose.yml") == set(case["errors"])
