"""The page on reliability names tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_is_named_exists(file, name):
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("section", ["## What is promised", "### What it found", "## What others lost money by"])
def test_every_row_names_what_covers_it(section):
    after = PAGE.split(f"{section}\n")[1].split("\n#")[0]
    told = [row for row in after.splitlines() if row.startswith("| ")][1:]
    assert len(told) >= 9
    assert all("::test_" in row or "in every run" in row for row in told)
