"""The answers of other tools that docs/accuracy.md shows: complete, and what the tool itself says."""

import json

import other_tools
import pytest
from loopback_hub import start_hub
from made_up_checkpoints import qwen2_tensors, write_model
from observations import observations
from tool_errors import TOOLS, refusals, tool_error

ROWS = list(observations())
ASKED = other_tools.askable(ROWS)
KEPT = other_tools.kept_answers()


def test_every_row_that_can_be_asked_has_an_answer_of_every_tool():
    for name, (row, _, _) in ASKED.items():
        tools = ["hf-mem", "accelerate", *(["aiconfigurator"] if row.engine == "vllm" else [])]
        assert all((tool, name) in KEPT for tool in tools), name


def test_an_answer_is_a_figure_or_the_tools_own_words():
    assert all(("weights_gib" in answer) != ("error" in answer) for answer in KEPT.values())
    assert {answer["tool"] for answer in KEPT.values()} < set(TOOLS)
    assert sum(refusals("aiconfigurator").values()) > 0


def test_the_rows_without_an_answer_have_no_error_to_show():
    silent = next(row for row in ROWS if not row.left_out and row.id not in ASKED)
    assert tool_error("hf-mem", "weights_gib", silent) is None


@pytest.mark.official
@pytest.mark.slow
def test_hf_mem_says_today_what_was_kept(tmp_path):
    row = "lab-qwen25-7b-bf16"
    configs = {each["model"]: each["config"] for each in map(json.loads, other_tools.CONFIGS.read_text().splitlines())}
    config = configs[ASKED[row][0].case["model"]]
    hub, stop = start_hub()
    try:
        hub.repos["tools/qwen"] = write_model(tmp_path / "qwen", config, qwen2_tensors(config))
        asked = {"hub": hub.url, "models": ["tools/qwen"], "tokens": other_tools.CONTEXT}
        (answer,) = other_tools.run_in("hf-mem", "in_hf_mem.py", asked)
    finally:
        stop()
    kept = KEPT["hf-mem", row]
    assert answer["bytes"] / 2**30 == pytest.approx(kept["weights_gib"], abs=1e-4)
    assert answer["kv_bytes"] / other_tools.CONTEXT == kept["kv_bytes_per_token"]
