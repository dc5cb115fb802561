"""Models inside Python programs against what such programs really took (in sample: the rows set three constants)."""

import json
from pathlib import Path

import pytest

from cloudgpu.sizing.gpus import find_gpu
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.pack.budget import Entry
from cloudgpu.sizing.pack.in_process import CUBLAS_GIB, RESERVED_OVER_PEAK, in_process_demand

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "accuracy/in_process.jsonl").read_text(encoding="utf-8").splitlines()
]
MODELS = {"qwen-1.5b": "Qwen/Qwen2.5-1.5B-Instruct"}
"""The lab's names where they are not the catalogue's."""


def estimated(row):
    entry = Entry(
        name="x",
        engine="transformers",
        model=resolve_model(MODELS.get(row["model"], row["model"])),
        dtype=row["dtype"],
        batch=row["batch"],
        sequence=row["sequence"],
        new_tokens=row.get("new_tokens", 256),
        attention=row["attention"],
    )
    return in_process_demand(entry, find_gpu("H100 SXM").with_total(row["total_gib"]))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']} {row['batch']}x{row['sequence']} {row['dtype']}")
def test_what_a_program_takes_is_foretold_within_its_band(row):
    found = estimated(row)
    used_gib = found.weights_gib + found.workspace_gib + found.cache_gib + found.context_gib
    assert abs(used_gib - row["used_gib"]) <= found.band_gib


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']} {row['batch']}x{row['sequence']} {row['dtype']}")
def test_weights_and_the_peak_of_a_batch_are_near_exact(row):
    found = estimated(row)
    peak_gib = found.weights_gib + found.cache_gib + found.workspace_gib / RESERVED_OVER_PEAK
    assert found.weights_gib == pytest.approx(row["weights_gib"], rel=0.01, abs=0.01)
    assert peak_gib == pytest.approx(row["peak_gib"], rel=0.03, abs=CUBLAS_GIB)
