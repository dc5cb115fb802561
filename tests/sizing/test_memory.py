"""The budget, the cache and the verdict: what must always hold."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudgpu.base.errors import UsageError
from cloudgpu.base.units import GIB
from cloudgpu.sizing.catalog import read_rows
from cloudgpu.sizing.gpus import all_gpus, custom_gpu, find_gpu
from cloudgpu.sizing.known_models import all_models
from cloudgpu.sizing.memory import Refusal, estimate, layout_error
from cloudgpu.sizing.memory.cache import cache_pool, token_bytes
from cloudgpu.sizing.memory.result import GRAPH_BAND_GIB
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

JSON_CONTRACT = {
    *("model", "engine", "engine_version", "gpu", "total_gib", "requested_gib", "tensor_parallel", "pipeline_parallel"),
    *("weights_gib", "activation_peak_gib", "non_torch_gib", "cuda_graph_gib", "kv_cache_gib", "kv_cache_tokens"),
    *("kv_bytes_per_token", "kv_needed_gib", "starts", "refusal", "longest_context", "sequences_at_context"),
    "error_band_gib",
}
MODELS = st.sampled_from([model for model in all_models() if not model.is_encoder])
CARDS = st.sampled_from(all_gpus())
CONTEXTS = st.integers(1, 200_000)


def _on(name, gpu="H100", **options):
    return estimate(resolve_model(name), find_gpu(gpu), ServingOptions(**options))


@given(MODELS, CARDS, CONTEXTS, CONTEXTS)
@settings(max_examples=60)
def test_a_longer_context_never_needs_less_and_never_leaves_more_sequences(model, gpu, one, other):
    tokens = sorted(min(each, model.max_context) for each in (one, other))
    short, long = (estimate(model, gpu, ServingOptions(context_tokens=each)) for each in tokens)
    assert short.kv_needed_gib <= long.kv_needed_gib
    assert short.sequences_at_context >= long.sequences_at_context
    assert short.starts or not long.starts


@given(MODELS, st.floats(1, 300), st.floats(1, 300), CONTEXTS)
@settings(max_examples=60)
def test_a_larger_card_never_turns_a_start_into_a_weights_refusal(model, one, other, context):
    small, large = (
        estimate(
            model,
            custom_gpu(total),
            ServingOptions(
                context_tokens=min(context, model.max_context), max_num_seqs=256, max_num_batched_tokens=2048
            ),
        )
        for total in sorted((one, other))
    )
    assert small.kv_cache_gib <= large.kv_cache_gib + 1e-9
    assert not (small.starts and large.refusal is Refusal.WEIGHTS)


@given(MODELS, CARDS)
@settings(max_examples=60)
def test_weights_and_cache_bytes_never_grow_with_tensor_parallel(model, gpu):
    splits = [count for count in (1, 2, 4, 8) if layout_error(model, count) is None]
    found = [estimate(model, gpu, ServingOptions(tensor_parallel=count)) for count in splits]
    for fewer, more in pairwise(found):
        assert more.weights_gib <= fewer.weights_gib + 1e-9
        assert more.kv_bytes_per_token <= fewer.kv_bytes_per_token


@given(MODELS, st.integers(1, 200_000), st.integers(0, 64))
@settings(max_examples=60)
def test_the_longest_context_is_the_last_that_fits(model, limit, room_gib):
    pool = cache_pool(model.architecture, 2, 4096)
    assert pool is not None
    longest = pool.longest(room_gib * GIB, limit)
    assert longest == 0 or pool.needed_bytes(longest) <= room_gib * GIB
    assert longest == limit or pool.needed_bytes(longest + 1) > room_gib * GIB


@given(MODELS, CARDS, CONTEXTS, st.sampled_from([None, 0.3, 0.9, 1.0]))
@settings(max_examples=80)
def test_components_add_up_to_the_engines_share_and_a_start_fits_the_card(model, gpu, context, share):
    found = estimate(
        model, gpu, ServingOptions(context_tokens=min(context, model.max_context), gpu_memory_utilization=share)
    )
    graphs = found.cuda_graph_gib if found.cuda_graph_inside_budget else 0
    parts = found.weights_gib + found.activation_peak_gib + found.non_torch_gib + graphs + found.kv_cache_gib
    assert parts == pytest.approx(found.requested_gib)
    assert found.starts == (found.refusal_text is None) == (found.refusal is None and found.hardware_error is None)
    if found.starts:
        assert found.used_gib - found.activation_peak_gib <= found.total_gib + GRAPH_BAND_GIB
        assert found.kv_needed_gib <= found.kv_cache_gib
        assert found.sequences_at_context >= 0.99


@pytest.mark.parametrize("row", read_rows("models"), ids=lambda row: row["short_name"])
def test_every_model_of_the_catalogue_can_be_estimated(row):
    found = estimate(resolve_model(row["id"]), find_gpu("B300"), ServingOptions())
    assert found.weights_gib > 0
    assert found.error_band_gib > 0


@pytest.mark.parametrize(
    ("name", "per_token"),
    [
        ("qwen-7b", 57_344),
        ("qwen-14b", 196_608),
        ("qwen-72b", 327_680),
        ("qwen3-8b", 147_456),
        ("qwen3-30b-a3b", 98_304),
        ("llama-3.1-8b", 131_072),
        ("llama-2-13b", 819_200),
        ("command-r-v01", 1_310_720),
        ("deepseek-v3", 70_272),
        ("deepseek-v2-lite", 31_104),
        ("gemma-3-27b", 81_920),
        ("gpt-oss-20b", 24_576),
        ("qwen3-next-80b-a3b", 24_576),
        ("falcon-7b", 8_192),
    ],
)
def test_bytes_a_token_are_those_of_the_layers_that_keep_it(name, per_token):
    assert token_bytes(resolve_model(name).architecture, 2) == per_token
    assert token_bytes(resolve_model(name).architecture, 1) == per_token // 2


def test_latent_attention_is_not_shared_out_and_kv_heads_stop_at_one():
    assert token_bytes(resolve_model("deepseek-v3").architecture, 2, 8) == 70_272
    moe = resolve_model("qwen3-30b-a3b").architecture
    assert token_bytes(moe, 2, 4) == token_bytes(moe, 2, 8) == 98_304 // 4


def test_a_windowed_layer_stops_growing_at_its_window():
    pool = cache_pool(resolve_model("mistral-7b-v0.1").architecture, 2, 2048)
    assert pool is not None
    assert pool.needed_bytes(30_000) == pool.needed_bytes(20_000) > pool.needed_bytes(2_000)


def test_the_block_of_a_hybrid_grows_until_it_holds_the_recurrent_state():
    pool = cache_pool(resolve_model("qwen3.6-27b").architecture, 2, 2048)
    assert pool is not None
    assert {kind.block_tokens for kind in pool.kinds} == {784}
    assert pool.block_bytes == 16 * 3_211_264


def test_the_lora_slots_are_what_logs_show():
    plain, adapted = _on("mistral"), _on("mistral", lora_rank=16)
    assert adapted.weights_gib - plain.weights_gib == pytest.approx(0.07, abs=0.01)
    large = _on("mistral", lora_rank=64, max_loras=4)
    assert large.weights_gib - plain.weights_gib == pytest.approx(16 * (adapted.weights_gib - plain.weights_gib))


def test_eager_mode_has_no_graphs():
    assert _on("mistral", enforce_eager=True).cuda_graph_gib == 0


def test_the_graphs_lie_inside_the_budget_by_release_and_runner():
    inside = {
        (name, version): _on(name, engine_version=version).cuda_graph_inside_budget
        for name in ("qwen-14b", "qwen3-30b-a3b")
        for version in ("0.20.0", "0.21.0", "0.25.1", "0.33.0")
    }
    assert [inside["qwen-14b", version] for version in ("0.20.0", "0.21.0", "0.25.1", "0.33.0")] == [
        False,
        True,
        False,
        True,
    ]
    assert [inside["qwen3-30b-a3b", version] for version in ("0.20.0", "0.21.0", "0.25.1", "0.33.0")] == [
        False,
        True,
        True,
        True,
    ]


def test_weights_beyond_the_share_are_a_weights_refusal():
    found = _on("qwen-32b", "H100", gpu_memory_utilization=0.6)
    assert (found.refusal, found.starts) == (Refusal.WEIGHTS, False)
    assert "No available memory for the cache blocks" in (found.refusal_text or "")
    assert found.longest_context == 0


def test_weights_beyond_the_card_end_while_loading():
    found = _on("qwen-14b", "RTX 4090")
    assert found.refusal is Refusal.WEIGHTS
    assert "out of memory" in (found.refusal_text or "")


def test_graphs_outside_the_budget_must_fit_the_card_too():
    found = _on("qwen-14b-awq", "RTX 4090", gpu_memory_utilization=0.98)
    assert not found.starts
    assert "CUDA graphs" in (found.refusal_text or "")
    assert _on("qwen-14b-awq", "RTX 4090", gpu_memory_utilization=found.highest_utilization).starts


def test_a_share_that_is_not_free_is_refused_in_the_engines_words():
    assert "Free memory on device" in (_on("mistral", gpu_memory_utilization=1.0).refusal_text or "")


def test_a_start_within_the_error_is_tight():
    roomy, close = _on("llama-3.1-8b"), _on("llama-3.1-8b", gpu_memory_utilization=0.22)
    assert roomy.starts
    assert not roomy.is_tight
    assert close.starts
    assert close.is_tight


def test_holding_sequences_is_more_than_starting():
    found = _on("qwen-14b", context_tokens=32768)
    assert found.holds(int(found.sequences_at_context))
    assert not found.holds(int(found.sequences_at_context) + 1)


def test_fp8_halves_the_cache_of_a_token():
    assert _on("qwen-14b", kv_cache_dtype="fp8").kv_bytes_per_token * 2 == _on("qwen-14b").kv_bytes_per_token


def test_a_card_the_release_does_not_run_on_is_said_besides_the_memory():
    assert "7.5" in (_on("mistral", "V100").hardware_error or "")
    assert _on("mistral", "V100", engine_version="0.19.1").hardware_error is None
    assert _on("mistral").hardware_error is None


def test_an_encoder_needs_its_weights_and_no_cache():
    found = _on("e5-large", "RTX 3060")
    assert found.starts
    assert (found.kv_cache_tokens, found.kv_bytes_per_token, found.kv_needed_gib) == (0, 0, 0)
    assert found.weights_gib == pytest.approx(1.04, abs=0.02)


@pytest.mark.parametrize(
    ("name", "ranks", "quantization", "part"),
    [
        ("qwen-7b", 8, None, "attention heads"),
        ("qwen-14b", 3, None, "attention heads"),
        ("qwen-14b", 8, "awq", "feed-forward width"),
        ("qwen3-30b-a3b", 4, "fp8", "feed-forward width"),
    ],
)
def test_a_split_the_engine_refuses_is_refused_with_its_reason(name, ranks, quantization, part):
    error = layout_error(resolve_model(name), ranks, quantization=quantization)
    assert error is not None
    assert part in error
    with pytest.raises(UsageError, match="cannot be split"):
        _on(name, tensor_parallel=ranks, quantization=quantization)


@pytest.mark.parametrize(
    ("name", "ranks"), [("qwen-14b", 2), ("qwen-72b-awq", 8), ("qwen3-32b-fp8", 8), ("falcon-7b", 1)]
)
def test_a_split_the_engine_takes_is_taken(name, ranks):
    assert layout_error(resolve_model(name), ranks) is None


def test_a_pipeline_has_at_most_as_many_stages_as_layers():
    assert layout_error(resolve_model("qwen-14b"), 1, 49) is not None
    assert layout_error(resolve_model("qwen-14b"), 1, 4) is None


def test_a_quantisation_that_left_the_release_is_refused():
    assert _on("qwen-14b", quantization="bitsandbytes", engine_version="0.27.1").starts
    with pytest.raises(UsageError, match="bitsandbytes"):
        _on("qwen-14b", quantization="bitsandbytes", engine_version="0.28.0")


def test_the_json_names_are_the_contract():
    found = _on("qwen-14b").as_json()
    assert found.keys() >= JSON_CONTRACT
    assert found["refusal"] is None
    assert _on("qwen-14b", "RTX 4090").as_json()["refusal"] == "weights"
