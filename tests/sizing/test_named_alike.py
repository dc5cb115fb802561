"""Repositories that nobody can be asked about: their names say the model and the format, and the answer says so."""

import pytest

from cloudgpu.base.errors import UnreachableError
from cloudgpu.sizing import cases
from cloudgpu.sizing.cases import estimate_case
from cloudgpu.sizing.named_alike import named_alike


@pytest.mark.parametrize(
    ("name", "base", "quantization"),
    [
        ("meta-llama/Meta-Llama-3-8B", "meta-llama/Meta-Llama-3-8B-Instruct", None),
        ("Qwen/Qwen3-8B-Base", "Qwen/Qwen3-8B", None),
        ("TheBloke/Mixtral-8x7B-Instruct-v0.1-AWQ", "mistralai/Mixtral-8x7B-Instruct-v0.1", "awq"),
        ("Qwen/Qwen3.5-35B-A3B-GPTQ-Int4", "Qwen/Qwen3.5-35B-A3B", "gptq"),
        ("nvidia/Qwen3-14B-NVFP4", "Qwen/Qwen3-14B", "nvfp4"),
        ("Qwen/Qwen3.6-27B-FP8", "Qwen/Qwen3.6-27B", "fp8"),
        ("RedHatAI/Qwen3-32B-FP8-dynamic", "Qwen/Qwen3-32B", "fp8-channel"),
        ("unsloth/Qwen2.5-7B-Instruct-bnb-4bit", "Qwen/Qwen2.5-7B-Instruct", "bitsandbytes-double"),
    ],
)
def test_a_name_says_the_model_and_its_format(name, base, quantization):
    found = named_alike(name)
    assert found is not None
    assert (found.model_id, found.base_id, found.quantization) == (name, base, quantization)
    assert name in found.notes[-1]


@pytest.mark.parametrize("name", ["nobody/a-model-3b", "qwen-14b-awq2", "", "owner/"])
def test_a_name_that_says_nothing_is_not_guessed(name):
    assert named_alike(name) is None


def test_an_estimate_without_the_hub_rests_on_the_name_with_a_wider_band(monkeypatch):
    def unreachable(name, weights_from):
        raise UnreachableError("the Hub cannot be reached")

    known = estimate_case({"model": "qwen3-14b-awq", "gpu": "L40S"})
    monkeypatch.setattr(cases, "find_model", unreachable)
    guessed = estimate_case({"model": "someone/Qwen3-14B-AWQ", "gpu": "L40S"})
    assert guessed.weights_gib == pytest.approx(known.weights_gib)
    assert guessed.error_band_gib > known.error_band_gib
    assert any("by its name" in note for note in guessed.capability_notes)
    with pytest.raises(UnreachableError):
        estimate_case({"model": "someone/unheard-of", "gpu": "L40S"})
