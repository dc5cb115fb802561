"""The campaign is a program of its own (`python -m tests.campaign`): its parts are found from the checkout's top."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)
