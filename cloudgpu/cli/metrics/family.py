"""One metric family, before any library is asked: its name, help, label names, and samples."""

from collections.abc import Sequence

Sample = tuple[Sequence[str], float]
Family = tuple[str, str, Sequence[str], Sequence[Sample]]
"""Name, help, label names, and per sample its label values and value."""
