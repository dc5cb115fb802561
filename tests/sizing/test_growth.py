"""What must always hold: memory grows with what is asked, and never with more GPUs."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudgpu.sizing.gpus import all_gpus, find_gpu
from cloudgpu.sizing.known_models import all_models
from cloudgpu.sizing.memory import estimate, layout_error
from cloudgpu.sizing.options import ServingOptions

MODELS = st.sampled_from([model for model in all_models() if not model.is_encoder])
CARDS = st.sampled_from([gpu for gpu in all_gpus() if gpu.vendor == "NVIDIA"])
RELEASES = st.sampled_from(["0.8.5", "0.11.0", "0.19.1", "0.21.0", "0.25.1", "0.28.0", "0.33.0"])
H200 = find_gpu("H200 SXM")


@given(MODELS, CARDS, RELEASES, st.integers(1, 200_000), st.integers(1, 200_000))
@settings(max_examples=80)
def test_a_sequence_takes_more_the_longer_it_is(model, gpu, release, one, other):
    short, long = (
        estimate(model, gpu, ServingOptions(engine_version=release, context_tokens=min(tokens, model.max_context)))
        for tokens in sorted((one, other))
    )
    assert short.kv_needed_gib <= long.kv_needed_gib
    assert short.kv_cache_gib >= long.kv_cache_gib - 1e-9
    if not model.architecture.has_vision:
        assert short.kv_cache_gib == pytest.approx(long.kv_cache_gib)


@given(MODELS, CARDS, RELEASES, st.integers(1, 1024), st.integers(1, 1024))
@settings(max_examples=80)
def test_more_sequences_at_once_never_leave_more_cache(model, gpu, release, one, other):
    few, many = (
        estimate(model, gpu, ServingOptions(engine_version=release, max_num_seqs=count))
        for count in sorted((one, other))
    )
    assert few.activation_peak_gib <= many.activation_peak_gib
    assert few.cuda_graph_gib <= many.cuda_graph_gib
    assert few.kv_cache_gib >= many.kv_cache_gib - 1e-9


@given(MODELS, CARDS, st.integers(1, 300))
@settings(max_examples=60)
def test_who_holds_many_sequences_holds_fewer_as_well(model, gpu, count):
    found = estimate(model, gpu, ServingOptions())
    assert found.holds(count - 1) or not found.holds(count)


@given(MODELS, RELEASES)
@settings(max_examples=60)
def test_wider_weights_take_more_and_leave_less(model, release):
    formats = [None] if model.quantization else [None, "fp8-channel", "awq"]
    found = [estimate(model, H200, ServingOptions(engine_version=release, quantization=each)) for each in formats]
    for wide, narrow in pairwise(found):
        assert narrow.weights_gib < wide.weights_gib
        assert narrow.kv_cache_gib >= wide.kv_cache_gib - 1e-9


@given(MODELS, RELEASES)
@settings(max_examples=60)
def test_more_gpus_never_mean_more_weights_on_each(model, release):
    splits = [count for count in (1, 2, 4, 8, 16) if layout_error(model, count) is None]
    options = [ServingOptions(engine_version=release, tensor_parallel=count) for count in splits]
    weights = [estimate(model, H200, each).weights_gib for each in options]
    assert weights == sorted(weights, reverse=True)


@given(MODELS, st.integers(1, 8))
@settings(max_examples=60)
def test_pipeline_stages_hold_every_layer_once(model, stages):
    from cloudgpu.sizing.memory.weights import stage_layers

    layers = model.architecture.layers
    if layers < stages:
        return
    found = stage_layers(layers, stages)
    assert [layer for start, stop in found for layer in range(start, stop)] == list(range(layers))
    whole = estimate(model, H200, ServingOptions()).weights_gib
    assert estimate(model, H200, ServingOptions(pipeline_parallel=stages)).weights_gib <= whole + 1e-9


@given(MODELS, st.integers(1, 6), st.sampled_from([8, 16, 64, 256]))
@settings(max_examples=60)
def test_adapters_take_room_by_rank_and_slot(model, slots, rank):
    plain = estimate(model, H200, ServingOptions()).weights_gib
    one = estimate(model, H200, ServingOptions(lora_rank=rank)).weights_gib - plain
    many = estimate(model, H200, ServingOptions(lora_rank=rank, max_loras=slots)).weights_gib - plain
    assert one > 0
    assert many == pytest.approx(slots * one)
