"""The targets for speed, on the whole sample, each model family left out of the fit in turn (fetches 80 MB once)."""

import sys
from pathlib import Path
from statistics import mean, median

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows():
    from silicon import read_rows, sound
    from speed import FIT_CARDS

    return sound(read_rows(FIT_CARDS))[0]


def test_time_per_token_with_a_family_left_out_is_within_22_percent_and_half_the_rows_within_12(rows):
    from speed import left_out_errors

    errors = [abs(off) for off in left_out_errors(rows)]
    assert len(errors) > 600
    assert mean(errors) <= 0.22
    assert median(errors) <= 0.12


def test_the_committed_constants_are_those_that_the_script_finds(rows):
    from speed import committed, fit

    assert fit(rows) == pytest.approx(committed(), rel=0.05)
