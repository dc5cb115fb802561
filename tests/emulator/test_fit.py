"""What the emulated engine makes of a command line on a card, before it would load anything."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.emulator.engine.command import read_command
from cloudgpu.emulator.engine.fit import Card, fit

CARD = Card(gpu_name="H100 SXM", gpu_ram_mib=81559, count=1)
YARN = '"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32768, "rope_theta": 1000000'
PARAMETERS, SCALING = f'{{"rope_parameters": {{{YARN}}}}}', f'{{"rope_scaling": {{{YARN}}}}}'
BOTH = f'{{"rope_parameters": {{{YARN}}}, "max_position_embeddings": 65536}}'


def said(override, *, release="0.25.1", context=65536):
    args = ["--model", "Qwen/Qwen3-8B", "--max-model-len", str(context)]
    args += ["--hf-overrides", override] if override else []
    command = read_command(f"vllm/vllm-openai:v{release}", args, None, {}, entrypoint_kept=True)
    return fit(command, CARD).refusal or command.usage_error


def test_a_context_beyond_the_models_own_is_refused_without_yarn():
    assert "derived max_model_len (max_position_embeddings=40960" in said(None)


@pytest.mark.parametrize(
    ("release", "override"),
    [("0.11.0", SCALING), ("0.12.0", PARAMETERS), ("0.25.1", PARAMETERS), ("0.25.1", SCALING), ("0.33.0", BOTH)],
)
def test_yarn_lengthens_it_in_the_form_that_the_release_reads(release, override):
    assert said(override, release=release) is None


@pytest.mark.parametrize(("release", "override"), [("0.11.0", PARAMETERS), ("0.14.1", SCALING), ("0.33.0", PARAMETERS)])
def test_yarn_in_a_form_that_the_release_does_not_read_lengthens_nothing(release, override):
    assert "derived max_model_len" in said(override, release=release)


def test_yarn_lengthens_as_far_as_its_factor():
    assert "derived max_model_len (max_position_embeddings=65536" in said(PARAMETERS, context=131072)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2)))
def test_an_override_of_odd_values_breaks_no_emulator(odd):
    for body in ({"rope_parameters": odd}, {"rope_parameters": {"rope_type": "yarn", "factor": odd}},
                 {"max_position_embeddings": odd}, odd):  # fmt: skip
        said(json.dumps(body))
