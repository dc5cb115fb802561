"""docs/lint.md lists the rules as they are."""

from pathlib import Path

import cloudgpu.serving.lint.rules  # noqa: F401  (enters the rules)
from cloudgpu.serving.lint.rule import RULES

DOCS = Path(__file__).parents[3] / "docs" / "lint.md"


def test_the_table_holds_every_rule_as_it_is():
    rows = {line.split(" | ")[0].strip("| "): line for line in DOCS.read_text().splitlines() if line.startswith("| ")}
    for rule in RULES.values():
        expected = f"| {rule.id} | {rule.severity.value} | {rule.title} | {rule.versions} | {rule.source} |"
        assert rows.get(rule.id) == expected
