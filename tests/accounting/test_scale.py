"""A long journal: the time grows with the events and no faster, and stays a fixed share of what plain Python takes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LEDGER = Path(__file__).parents[1] / "bench" / "ledger.py"
MOST_UNITS = 16
"""For 100,000 events. It was 11 when a million took 9 s on the machine whose aim is 10 s."""
MOST_MB = 500
"""For a million events."""


@pytest.mark.slow
@pytest.mark.alone
def test_a_million_events_fit_ten_seconds_of_a_core_and_half_a_gigabyte():
    """In shares of plain Python, measured in the same process in seconds of work: a slow machine slows both alike.

    One that is slow at one moment and not at the next does not: one attempt of five must hold.
    """
    measured = [_measured()]
    while len(measured) < 5 and not any(map(_is_quick, measured)):
        measured.append(_measured())
    assert any(map(_is_quick, measured)), measured
    short, long = measured[-1]
    mb_per_event = (long["peak_mb"] - short["peak_mb"]) / (long["events"] - short["events"])
    assert long["peak_mb"] + mb_per_event * (1_000_000 - long["events"]) <= MOST_MB


def _measured():
    words = [sys.executable, str(LEDGER), "--json", "10000", "100000"]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=600)
    return json.loads(done.stdout)


def _is_quick(measured):
    """Ten times the events take hardly more than ten times as long."""
    short, long = measured
    return long["units"] <= min(MOST_UNITS, 15 * short["units"])
