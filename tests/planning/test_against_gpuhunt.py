"""gpuhunt, in an environment of its own, beside us on the same emulated markets. See tests/bench/against_gpuhunt.py."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.emulator.clients import installed

pytestmark = [pytest.mark.official, pytest.mark.slow]

BENCH = Path(__file__).parents[1] / "bench" / "against_gpuhunt.py"
TABLE = Path(__file__).parents[2] / "docs" / "gpuhunt.md"
VERSION = "0.1.34"


@pytest.fixture(scope="module")
def bench():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("against_gpuhunt", BENCH)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def python():
    """The interpreter that has gpuhunt."""
    return str(installed(f"gpuhunt-{VERSION}", f"gpuhunt=={VERSION}") / "python")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_we_pick_starts_and_no_pick_of_gpuhunts_that_would_do_costs_less(bench, python, seed):
    compared = list(bench.compare(python, seed))
    assert len(compared) == 10
    for each in compared:
        assert each.ours.stopped_by == each.ours.refused_for == ()
        if each.theirs and not (each.theirs.stopped_by or each.theirs.refused_for):
            assert each.ours.usd_total <= each.theirs.usd_total


def test_the_table_in_the_documentation_is_what_the_script_prints(bench, python):
    written = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert written[1:] == [bench.line(each) for each in bench.compare(python, 1)]
