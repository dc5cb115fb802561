"""The share of a card that leaves room for graphs, the CUDA context and other processes."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudgpu.sizing.gpus import all_gpus, custom_gpu, find_gpu
from cloudgpu.sizing.known_models import all_models
from cloudgpu.sizing.memory import estimate
from cloudgpu.sizing.memory.utilization import fitting_utilization
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

MODELS = st.sampled_from([model for model in all_models() if not model.is_encoder])
CARDS = st.sampled_from([gpu for gpu in all_gpus() if gpu.vendor == "NVIDIA"])
QWEN_3B = resolve_model("Qwen/Qwen2.5-3B-Instruct")
CARD_12_GB = find_gpu("RTX 3060")


@given(MODELS, CARDS, st.sampled_from(["0.19.1", "0.25.1", "0.33.0"]), st.integers(1, 4), st.floats(0, 20))
@settings(max_examples=80)
def test_what_it_names_serves_the_model_and_fits_the_card(model, gpu, release, concurrency, others_gib):
    options = ServingOptions(engine_version=release, concurrency=concurrency)
    share = fitting_utilization(model, gpu, options, others_gib=others_gib)
    if share is None:
        return
    found = estimate(model, gpu, replace(options, gpu_memory_utilization=share))
    assert found.holds(concurrency)
    assert found.used_gib + others_gib <= found.total_gib + 1e-9
    assert share <= options.profile().gpu_memory_utilization


@given(MODELS, CARDS)
@settings(max_examples=60)
def test_what_fits_the_card_as_it_is_is_left_as_it_is(model, gpu):
    found = estimate(model, gpu, ServingOptions())
    if found.holds(1) and found.verdict == "starts":
        assert fitting_utilization(model, gpu, ServingOptions()) == ServingOptions().profile().gpu_memory_utilization


def test_a_12_gb_card_serves_a_small_model_with_a_smaller_share():
    crowded = estimate(QWEN_3B, CARD_12_GB, ServingOptions())
    assert crowded.used_gib > crowded.total_gib
    share = fitting_utilization(QWEN_3B, CARD_12_GB, ServingOptions())
    assert 0.8 < share < 0.92
    assert estimate(QWEN_3B, CARD_12_GB, ServingOptions(gpu_memory_utilization=share)).verdict == "starts"


def test_another_process_on_the_card_takes_its_part_of_the_share():
    alone = fitting_utilization(QWEN_3B, CARD_12_GB, ServingOptions())
    beside = fitting_utilization(QWEN_3B, CARD_12_GB, ServingOptions(), others_gib=2.0)
    assert alone - beside == pytest.approx(2.0 / CARD_12_GB.total_gib, abs=0.01)


def test_no_share_is_named_for_a_model_that_is_too_large_or_a_card_that_is_too_old():
    assert fitting_utilization(resolve_model("Qwen/Qwen2.5-14B-Instruct"), CARD_12_GB, ServingOptions()) is None
    assert fitting_utilization(QWEN_3B, find_gpu("P40"), ServingOptions()) is None
    assert fitting_utilization(QWEN_3B, custom_gpu(0.5), ServingOptions()) is None


def test_other_engines_settle_their_share_themselves():
    assert fitting_utilization(QWEN_3B, CARD_12_GB, ServingOptions(engine="sglang")) is None
