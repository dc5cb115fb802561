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
    """In shares of plain Python, measured in the same process in seconds of work: a slow machine slows both alike."""
    words = [sys.executable, str(LEDGER), "--json", "10000", "100000"]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=300)
    short, long = json.loads(done.stdout)
    assert long["units"] <= MOST_UNITS
    assert long["units"] <= 15 * short["units"], "ten times the events take more than ten times as long"
    mb_per_event = (long["peak_mb"] - short["peak_mb"]) / (long["events"] - short["events"])
    assert long["peak_mb"] + mb_per_event * (1_000_000 - long["events"]) <= MOST_MB
