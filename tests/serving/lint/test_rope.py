"""What `--fix` writes over a model's positions is what a plan would write: one truth about each release."""

import json
import shlex

import pytest

from cloudgpu.serving.lint.check import lint
from cloudgpu.serving.lint.fixing.fix import fixed
from cloudgpu.sizing.engines.vllm import profile
from cloudgpu.sizing.memory.rope_override import rope_override
from cloudgpu.sizing.models import resolve_model

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}


def mended(command, release):
    """The value of --hf-overrides after the correction."""
    text = f"services:\n  a:\n    image: vllm/vllm-openai:v{release}\n    command: >\n      {command}\n"
    after = fixed(text, "c.yml", variables={}, host=None, version=None).text
    assert lint(after, "c.yml", variables={}).errors == 0
    line = next(row for row in after.splitlines() if "rope" in row)
    return json.loads(shlex.split(line.strip().removeprefix("- "))[0])


@pytest.mark.parametrize("release", ["0.11.1", "0.23.0", "0.24.0", "0.29.0", "0.30.0", "0.33.0"])
def test_a_removed_flag_is_mended_into_what_a_plan_would_ask_for(release):
    ours = rope_override(resolve_model("Qwen/Qwen3-32B-AWQ"), 4.0, profile(release))
    command = f"--model Qwen/Qwen3-32B-AWQ --max-model-len 131072 --rope-scaling '{json.dumps(YARN)}'"
    assert mended(command, release) == json.loads(ours)


def test_a_multimodal_model_gets_it_where_it_reads_it_and_keeps_what_else_was_said():
    overrides = {"text_config": {"rope_parameters": YARN, "tie_word_embeddings": False}, "quantization_config": {}}
    command = f"--model Qwen/Qwen3-VL-32B-Instruct --max-model-len 524288 --hf-overrides '{json.dumps(overrides)}'"
    after = mended(command, "0.33.0")
    assert after["text_config"]["max_position_embeddings"] == 524288
    assert after["text_config"]["tie_word_embeddings"] is False
    assert after["quantization_config"] == {}
    assert "rope_parameters" not in after


def test_a_factor_follows_the_context_and_an_override_that_is_not_needed_goes():
    overrides = {"rope_parameters": {**YARN, "rope_theta": 1000000}, "max_position_embeddings": 65536}
    command = f"--model Qwen/Qwen3-32B-AWQ --max-model-len 65536 --hf-overrides '{json.dumps(overrides)}'"
    assert mended(command, "0.33.0")["rope_parameters"]["factor"] == 2.0
    text = f"services:\n  a:\n    image: vllm/vllm-openai:v0.33.0\n    command: >\n      {command}\n"
    after = fixed(text.replace("len 65536", "len 32768"), "c.yml", variables={}, host=None, version=None).text
    assert "rope" not in after
