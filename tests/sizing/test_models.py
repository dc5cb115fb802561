"""Names people type, checkpoints by quantisation, local folders."""

import json

import pytest

from cloudgpu.base.errors import BadFileError, UnknownModelError, UsageError
from cloudgpu.sizing.catalog import read_rows
from cloudgpu.sizing.known_models import all_models
from cloudgpu.sizing.models import model_from_config, resolve_model
from cloudgpu.sizing.number_formats import canonical_quantization


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mistral", "mistralai/Mistral-7B-Instruct-v0.2"),
        ("qwen-14b", "Qwen/Qwen2.5-14B-Instruct"),
        ("Qwen-14B", "Qwen/Qwen2.5-14B-Instruct"),
        ("qwen2.5-14b", "Qwen/Qwen2.5-14B-Instruct"),
        ("Qwen2.5-14B-Instruct", "Qwen/Qwen2.5-14B-Instruct"),
        ("qwen/qwen2.5-14b-instruct", "Qwen/Qwen2.5-14B-Instruct"),
        ("llama-3.1-8b", "meta-llama/Llama-3.1-8B-Instruct"),
        ("Meta-Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"),
        ("qwen3-32b", "Qwen/Qwen3-32B"),
        ("qwen3-32b-awq", "Qwen/Qwen3-32B-AWQ"),
        ("Qwen/Qwen3-VL-32B-Instruct-FP8", "Qwen/Qwen3-VL-32B-Instruct-FP8"),
        ("gemma-3-27b-it", "google/gemma-3-27b-it"),
    ],
)
def test_a_name_in_any_usual_spelling_finds_its_model(typed, meant):
    assert resolve_model(typed).model_id == meant


def test_the_catalogue_holds_156_models_and_each_says_where_it_is_from():
    assert len(all_models()) == 156
    assert all(model.source for model in all_models())


def test_every_short_name_and_alias_belongs_to_one_model():
    names = [name for model in all_models() for name in (model.short_name, *model.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.short_name)
def test_every_id_short_name_and_alias_leads_to_its_model(model):
    for name in (model.model_id, model.short_name, *model.aliases):
        assert resolve_model(name).model_id == model.model_id


@pytest.mark.parametrize("row", read_rows("quantized"), ids=lambda row: row["id"])
def test_a_published_quantised_checkpoint_has_its_base_and_its_source(row):
    model = resolve_model(row["id"])
    base = resolve_model(row["base"])
    assert (model.quantization, model.base_id) == (row["quantization"], base.model_id)
    assert model.architecture == base.architecture
    assert row["source"]
    assert canonical_quantization(row["quantization"]) == row["quantization"]
    assert base.checkpoint(row["quantization"]).published


def test_short_names_stay_unique_with_the_quantised_checkpoints():
    short_names = [model.short_name for model in all_models()]
    short_names += [resolve_model(row["id"]).short_name for row in read_rows("quantized")]
    assert len(short_names) == len(set(short_names))


def test_a_quantised_checkpoint_is_taken_where_one_is_published():
    found = resolve_model("qwen-14b").checkpoint("awq")
    assert (found.repo_id, found.online) == ("Qwen/Qwen2.5-14B-Instruct-AWQ", False)
    assert found.download_gb == pytest.approx(9.98, abs=0.05)


def test_fp8_without_a_published_checkpoint_is_made_while_loading():
    found = resolve_model("qwen-14b").checkpoint("fp8")
    assert (found.repo_id, found.quantization, found.online) == ("Qwen/Qwen2.5-14B-Instruct", "fp8", True)
    assert found.download_gb == resolve_model("qwen-14b").checkpoint().download_gb


def test_a_quantisation_nobody_publishes_is_refused_with_a_way_out():
    with pytest.raises(UsageError) as caught:
        resolve_model("phi-4").checkpoint("awq")
    assert "microsoft/phi-4" in caught.value.message
    assert "fp8" in (caught.value.hint or "")


def test_a_quantised_model_is_not_quantised_again():
    assert resolve_model("qwen3-32b-awq").checkpoint("awq").repo_id == "Qwen/Qwen3-32B-AWQ"
    with pytest.raises(UsageError, match="already quantised") as caught:
        resolve_model("qwen3-32b-awq").checkpoint("fp8")
    assert "Qwen/Qwen3-32B" in (caught.value.hint or "")


def test_the_download_counts_what_the_files_hold_duplicates_and_all():
    assert resolve_model("qwen3-0.6b").checkpoint().download_gb == pytest.approx(751632384 * 2 / 1e9, abs=0.01)
    assert resolve_model("gpt-oss-120b").checkpoint().download_gb == pytest.approx(65.25, rel=0.01)


@pytest.mark.parametrize(
    ("typed", "near"), [("qwen-15b", "qwen-1.5b"), ("lama-3.1-8b", "llama-3.1-8b"), ("mistrall", "mistral")]
)
def test_an_unknown_name_gets_the_nearest_names(typed, near):
    with pytest.raises(UnknownModelError) as caught:
        resolve_model(typed)
    assert near in (caught.value.hint or "")
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("typed", ["nosuchmodel", "nosuch", "claude"])
def test_a_name_far_from_all_gets_the_nearest_all_the_same(typed):
    with pytest.raises(UnknownModelError) as caught:
        resolve_model(typed)
    listed = caught.value.hint.split("nearest are ")[1].split(";")[0].split(", ")
    assert len(listed) == 4
    assert all(resolve_model(name) for name in listed)


@pytest.mark.parametrize("typed", ["", "   ", "zzzzzzzz", "\0", "/no/such/place"])
def test_a_name_like_nothing_points_to_the_list(typed):
    with pytest.raises(UnknownModelError) as caught:
        resolve_model(typed)
    assert "cloudgpu models" in (caught.value.hint or "")


def test_a_folder_and_a_config_file_are_models_too(tmp_path):
    row = next(row for row in read_rows("models") if row["short_name"] == "mistral")
    (tmp_path / "config.json").write_text(json.dumps(row["config"]))
    for name in (str(tmp_path), str(tmp_path / "config.json")):
        assert resolve_model(name).architecture == resolve_model("mistral").architecture


def test_a_folder_without_a_config_and_a_config_that_is_no_json_are_refused(tmp_path):
    with pytest.raises(UnknownModelError, match=r"config\.json"):
        resolve_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{oh")
    with pytest.raises(BadFileError, match="not JSON"):
        resolve_model(str(tmp_path))


def test_the_quantisation_of_a_config_is_understood():
    config = next(row["config"] for row in read_rows("models") if row["short_name"] == "qwen-14b")
    for method, ours in [
        ({"quant_method": "awq", "bits": 4}, "awq"),
        ({"quant_method": "gptq", "bits": 4}, "gptq"),
        ({"quant_method": "gptq", "bits": 8}, "gptq-int8"),
        ({"quant_method": "fp8"}, "fp8-channel"),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8"),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"a": {"weights": {"num_bits": 4, "type": "int"}}}},
            "gptq",
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"a": {"weights": {"num_bits": 8, "type": "float"}}},
            },
            "fp8-channel",
        ),
    ]:
        assert model_from_config({**config, "quantization_config": method}).quantization == ours
