"""Repositories that nobody can be asked about: their names say the model and the format, and the answer says so."""

import pytest

from cloudgpu.base.errors import UnknownModelError, UnreachableError
from cloudgpu.sizing.cases import estimate_case
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.named_alike import named_alike
from cloudgpu.sizing.pack import findings_of, pack
from cloudgpu.sizing.pack.budget_file import budget_from


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


@pytest.fixture
def no_hub(monkeypatch):
    """Nobody can be asked; what the catalogue knows is found all the same."""

    def find(name, weights_from):
        try:
            return resolve_model(name)
        except UnknownModelError as error:
            raise UnreachableError("the Hub cannot be reached") from error

    monkeypatch.setattr("cloudgpu.sizing.named_alike.find_model", find)


def test_an_estimate_without_the_hub_rests_on_the_name_with_a_wider_band(no_hub):
    known = estimate_case({"model": "qwen3-14b-awq", "gpu": "L40S"})
    guessed = estimate_case({"model": "someone/Qwen3-14B-AWQ", "gpu": "L40S"})
    assert guessed.weights_gib == pytest.approx(known.weights_gib)
    assert guessed.error_band_gib > known.error_band_gib
    assert any("by its name" in note for note in guessed.capability_notes)
    with pytest.raises(UnreachableError):
        estimate_case({"model": "someone/unheard-of", "gpu": "L40S"})


def test_a_budget_without_the_hub_rests_on_the_name_and_says_so(no_hub):
    row = {"name": "embeddings", "model": "intfloat/multilingual-e5-large-instruct", "batch": 32}
    packing = pack(budget_from({"cards": ["RTX 3090"], "models": [row]}))
    assert any("by its name" in finding.text for finding in findings_of(packing))
