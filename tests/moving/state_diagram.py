"""The arrows of the state diagram in docs/migration.md, as a reader takes them."""

import itertools
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"


def diagram():
    """Its lines."""
    block = re.search(r"^## States\n+```\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return block[1].splitlines()


def arrows():
    """Every pair of states with an arrow from one to the other: `a, b ─► c ─► d` and a remark after two spaces."""
    found = set()
    for line in diagram():
        stations = [station.split(", ") for station in re.split(r" {2,}", line)[0].split(" ─► ")]
        for here, there in itertools.pairwise(stations):
            found |= set(itertools.product(here, there))
    return found
