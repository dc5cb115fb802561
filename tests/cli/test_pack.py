"""`cloudgpu pack` as people run it: a verdict, what is wrong, what to rent, in 80 and 140 columns and as JSON."""

import json
import os
import subprocess
import sys

import pytest

from cloudgpu.base.data import data_dir

TEMPLATES = data_dir("templates")


def cloudgpu(*arguments, columns=80, home="/nonexistent"):
    environment = os.environ | {"COLUMNS": str(columns), "HOME": str(home), "XDG_STATE_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "cloudgpu", *map(str, arguments)],
        capture_output=True, text=True, timeout=300, check=False, env=environment,
    )  # fmt: skip


@pytest.mark.parametrize("columns", [80, 140])
def test_the_answer_begins_with_the_verdict_and_ends_with_where_to_rent(columns):
    done = cloudgpu("pack", TEMPLATES / "pack-rtx3090-list.yaml", columns=columns)
    assert done.returncode == 0
    assert done.stdout.startswith("RTX 3090, the list of 24 GB: fits")
    assert "--gpu-memory-utilization" in done.stdout
    assert "Cheapest that take all" in done.stdout
    assert "Reference prices" in done.stdout
    tables = [line for line in done.stdout.splitlines() if line.startswith(("Process", "embeddings  ", "left  "))]
    assert all(len(line) <= columns for line in tables)


def test_json_holds_what_is_rendered():
    done = cloudgpu("pack", TEMPLATES / "pack-rtx3090-resident.yaml", "--json")
    answer = json.loads(done.stdout)
    assert (answer["schema_version"], answer["verdict"]) == (1, "does_not_fit")
    llm = next(row for row in answer["cards"][0]["processes"] if row["name"] == "llm")
    assert llm["gpu_memory_utilization"] == 0.92
    assert answer["cards"][0]["starts"][0]["words"].startswith("ValueError: Free memory on device")
    assert answer["remedies"]["single"][0]["about"] == "llm"
    prices = [home["usd_per_hour"] for home in answer["homes"]]
    assert prices == sorted(prices, key=float)
    assert all(isinstance(price, str) for price in prices)
    assert answer["prices"]["source"] == "reference"


def test_other_cards_may_be_tried_without_a_new_file():
    done = cloudgpu("pack", TEMPLATES / "pack-rtx3090-list.yaml", "--gpu", "RTX 3070", "--json")
    answer = json.loads(done.stdout)
    assert (answer["cards"][0]["gpu"], answer["verdict"]) == ("RTX 3070", "does_not_fit")
    assert answer["remedies"]["single"]


def test_the_example_it_prints_is_a_budget_it_reads(tmp_path):
    printed = cloudgpu("pack", "--example").stdout
    (tmp_path / "budget.yaml").write_text(printed)
    assert json.loads(cloudgpu("pack", tmp_path / "budget.yaml", "--json").stdout)["verdict"] == "fits"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "no budget is named"),
        (("absent.yaml",), "absent.yaml cannot be read"),
        ((TEMPLATES / "vllm.yaml",), "a budget has no 'name'"),
    ],
)
def test_what_is_no_budget_is_refused_with_a_hint(arguments, sentence):
    done = cloudgpu("pack", *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Hint: " in done.stderr
