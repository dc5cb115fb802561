"""Parameters and layer groups counted from a config.json, against published checkpoints."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.errors import BadFileError, CloudgpuError
from cloudgpu.sizing.architecture import read_architecture
from cloudgpu.sizing.catalog import read_rows
from cloudgpu.sizing.known_models import all_models
from cloudgpu.sizing.models import model_from_config
from cloudgpu.sizing.shape import LayerKind

LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}

STORED_OTHERWISE = {  # the others differ by buffers or fp8 scales, below 0.01 %
    "tied output head stored twice": {"Qwen/Qwen3-0.6B", "Qwen/Qwen3-1.7B", "google/gemma-4-26B-A4B-it"}
    | {"google/gemma-4-31B-it"},
    "scales counted as parameters": {"openai/gpt-oss-20b", "openai/gpt-oss-120b"},
}


@pytest.mark.parametrize("row", read_rows("models"), ids=lambda row: row["id"])
def test_a_catalogue_row_is_what_its_config_gives(row):
    counted = model_from_config(row["config"], row["id"])
    stored = next(model for model in all_models() if model.model_id == row["id"])
    assert counted.architecture == stored.architecture
    assert counted.quantization == stored.quantization
    assert counted.architecture.is_exact


def test_131_counts_equal_the_published_ones_and_every_other_has_a_known_reason():
    found = Counter(_how_it_compares(row) for row in read_rows("models"))
    assert found == {"exact": 131, "not published": 6, "known reason": 19}


def test_no_count_is_off_by_more_than_its_known_reason():
    large = set().union(*STORED_OTHERWISE.values())
    for row in read_rows("models"):
        if row["parameters_stored"] and row["id"] not in large:
            counted = read_architecture(row["config"]).parameters.total
            assert abs(counted / row["parameters_stored"] - 1) < 1e-4, row["id"]


def test_a_multimodal_config_is_read_through_its_text_part():
    nested = {"model_type": "mistral3", "text_config": {**LLAMA, "model_type": "mistral"}, "vision_config": {}}
    assert read_architecture(nested).parameters.total == read_architecture(LLAMA).parameters.total


def test_a_head_dimension_in_the_config_outweighs_hidden_size_by_heads():
    assert read_architecture({**LLAMA, "head_dim": 64}).head_dim == 64
    assert read_architecture(LLAMA).head_dim == 128


def test_a_sliding_window_that_the_config_switches_off_is_ignored():
    groups = read_architecture({**LLAMA, "model_type": "qwen2", "sliding_window": 4096}).layer_groups
    assert [group.kind for group in groups] == [LayerKind.FULL]


def test_listed_layer_types_decide_the_groups():
    types = ["sliding_attention", "full_attention"] * 16
    groups = read_architecture({**LLAMA, "layer_types": types, "sliding_window": 1024}).layer_groups
    assert [(group.kind, group.layers, group.window) for group in groups] == [("full", 16, None), ("window", 16, 1024)]


@pytest.mark.parametrize("name", ["num_nextn_predict_layers", "n_routed_experts", "n_shared_experts", "q_lora_rank"])
def test_a_count_of_nothing_is_the_same_as_none(name):
    assert read_architecture({**LLAMA, name: 0}) == read_architecture(LLAMA)


def test_an_unknown_family_counts_as_a_llama_and_says_that_it_is_an_estimate():
    model = model_from_config({**LLAMA, "model_type": "brandnew"})
    assert not model.architecture.is_exact
    assert model.parameters == model_from_config(LLAMA).parameters
    assert "unknown family" in model.weights_source


@pytest.mark.parametrize("missing", ["model_type", "hidden_size", "num_hidden_layers", "vocab_size"])
def test_a_config_without_a_needed_field_is_refused_by_name(missing):
    config = {name: value for name, value in LLAMA.items() if name != missing}
    with pytest.raises(BadFileError, match=missing):
        read_architecture(config)


@given(
    st.dictionaries(
        st.sampled_from(
            [*LLAMA, "head_dim", "num_experts", "kv_lora_rank", "layer_types", "text_config", "tie_word_embeddings"]
        ),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.sampled_from(["", "x", "8"])
        | st.lists(st.integers(), max_size=2),
    )
)
def test_no_config_breaks_the_reader(broken):
    try:
        total = read_architecture({**LLAMA, **broken}).parameters.total
    except CloudgpuError:
        return
    assert total > 0


def _how_it_compares(row):
    counted = read_architecture(row["config"]).parameters.total
    if row["parameters_stored"] is None:
        return "not published"
    if counted == row["parameters_stored"]:
        return "exact"
    return "known reason" if not row["check"].startswith("exact") else "unexplained"
