"""Several models on one machine: what each process takes, where it goes, what to change, where all of it fits."""

from cloudgpu.sizing.pack.budget import Budget, Entry
from cloudgpu.sizing.pack.budget_file import read_budget
from cloudgpu.sizing.pack.findings import Finding, findings_of
from cloudgpu.sizing.pack.homes import Home, Rentable, cheapest_homes
from cloudgpu.sizing.pack.packing import Packing, pack
from cloudgpu.sizing.pack.remedies import Remedy, remedies_for

__all__ = [
    "Budget",
    "Entry",
    "Finding",
    "Home",
    "Packing",
    "Remedy",
    "Rentable",
    "cheapest_homes",
    "findings_of",
    "pack",
    "read_budget",
    "remedies_for",
]
