"""`cloudgpu estimate` answers for speed: in JSON, in cases, and in two lines for a reader."""

import json
import time

import pytest
from typer.testing import CliRunner

from cloudgpu.base.errors import UsageError
from cloudgpu.cli.main import app
from cloudgpu.sizing.cases import answer_case

CASE = {"model": "qwen-14b", "gpu": "H100", "concurrency": 16, "prompt_tokens": 1000, "output_tokens": 200}
CONTRACT = (
    *("concurrency", "prompt_tokens", "output_tokens", "prefill_ms", "tpot_ms", "output_tokens_per_s"),
    "error_band_percent",
)


def _run(*arguments):
    return CliRunner().invoke(app, ["estimate", *arguments]).stdout


def test_the_command_line_and_a_case_give_the_same_speed(tmp_path):
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps({"id": "a", **CASE}) + "\n")
    options = ["--concurrency", "16", "--prompt-tokens", "1000", "--output-tokens", "200"]
    shown = json.loads(_run("qwen-14b", "--gpu", "H100", *options, "--json"))["speed"]
    answered = json.loads(_run("--cases", str(file)))["speed"]
    assert shown == answered == answer_case(CASE).speed.as_json()
    assert set(CONTRACT) <= set(shown)
    assert (shown["concurrency"], shown["prompt_tokens"], shown["output_tokens"]) == (16, 1000, 200)


def test_a_reader_gets_tokens_a_second_and_the_time_of_a_prompt_with_their_band():
    lines = _run("qwen-14b", "--gpu", "H100", "--concurrency", "16").splitlines()
    tokens, prompt = (next(line for line in lines if line.startswith(name)) for name in ("Tokens a second", "Prompt"))
    assert "±25 %" in tokens
    assert "16 requests" in tokens
    assert "ms ±25 % for 1,024 tokens" in prompt


def test_what_does_not_start_has_no_speed_and_no_lines_about_it():
    assert json.loads(_run("qwen-14b", "--gpu", "RTX 4090", "--json"))["speed"] is None
    assert "Tokens a second" not in _run("qwen-14b", "--gpu", "RTX 4090")


def test_a_card_of_which_only_the_memory_is_known_has_no_speed():
    assert answer_case({"model": "qwen-14b", "gpu_total_gib": 79.18}).speed is None


def test_two_cards_are_one_group_and_faster_than_one():
    one, two = (answer_case({**CASE, "gpus": count}).speed for count in (1, 2))
    assert two.output_tokens_per_s > 1.3 * one.output_tokens_per_s


def test_lengths_beyond_the_context_are_refused_with_the_context_that_would_do():
    with pytest.raises(UsageError, match="do not fit the context asked for of 1000") as refused:
        answer_case({**CASE, "max_model_len": 1000})
    assert "1200" in refused.value.hint
    with pytest.raises(UsageError, match="do not fit the model's context of 32768"):
        answer_case({**CASE, "prompt_tokens": 40000})


@pytest.mark.parametrize("name", ["concurrency", "prompt_tokens", "output_tokens"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "many", True])
def test_a_count_that_is_none_is_refused(name, value):
    with pytest.raises(UsageError, match=name):
        answer_case({**CASE, name: value})


def test_a_thousand_cases_take_no_more_than_two_seconds():
    cases = [{**CASE, "concurrency": 1 + index % 64, "gpus": 1 + index % 2} for index in range(1000)]
    assert any(_processor_seconds(cases) < 2 for _ in range(3))  # who shares a core with another is slowed by it


def _processor_seconds(cases):
    started = time.process_time()
    for case in cases:
        answer_case(case)
    return time.process_time() - started
