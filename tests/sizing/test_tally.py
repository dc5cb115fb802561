"""Real checkpoints' layouts, whole models of them: what headers give must be what the catalogue has counted."""

from dataclasses import replace

import pytest
from real_layouts import deepseek_v2_lite, gpt_oss, mixtral, phi3, qwen3_fp8

from cloudgpu.base.units import GIB
from cloudgpu.sizing.catalog import read_rows
from cloudgpu.sizing.checkpoint.tally import tally
from cloudgpu.sizing.gpus import find_gpu
from cloudgpu.sizing.memory import estimate
from cloudgpu.sizing.memory.stored_weights import stored_weights_bytes
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions


def config_of(model):
    base = resolve_model(model.base_id) if model.base_id else model
    return next(row["config"] for row in read_rows("models") if row["id"] == base.model_id)


def weighed(name, layout):
    model = resolve_model(name)
    tensors = list(layout(config_of(model)))
    return model, tally(tensors, model.architecture, "headers"), sum(tensor.stored_bytes for tensor in tensors)


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("microsoft/Phi-3-mini-4k-instruct", phi3),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", mixtral),
        ("deepseek-ai/DeepSeek-V2-Lite-Chat", deepseek_v2_lite),
    ],
)
def test_a_16_bit_checkpoint_is_counted_part_by_part_as_the_catalogue_counts_it(name, layout):
    model, weights, total = weighed(name, layout)
    assert weights.counts() == model.architecture.parameters
    assert weights.file_bytes == total
    assert not weights.is_packed


def test_gpt_oss_20b_has_the_bytes_of_its_published_files():
    _, weights, _ = weighed("openai/gpt-oss-20b", gpt_oss)
    assert weights.file_bytes == 13_761_264_768  # total_size of its published index
    assert weights.experts.packed_bytes == pytest.approx(24 * 32 * 3 * 2880 * 2880 * 17 / 32)


def test_qwen3_32b_fp8_weighs_what_the_engine_logged_for_two_gpus():
    model, weights, _ = weighed("Qwen/Qwen3-32B-FP8", qwen3_fp8)
    options = ServingOptions(context_tokens=4096, tensor_parallel=2)
    found = estimate(replace(model, stored=weights), find_gpu("H100 SXM"), options)
    assert found.weights_gib == pytest.approx(16.26, rel=0.01)  # measured with vLLM 0.25.1, random weights
    files_alone = stored_weights_bytes(weights, model.architecture, 2, tensor_parallel=2) / GIB
    assert 0.98 < files_alone / found.weights_gib < 1  # what torch's allocator rounds up is not in the files


@pytest.mark.parametrize("tensor_parallel", [1, 2, 4])
@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("Qwen/Qwen3-32B-FP8", qwen3_fp8),
        ("openai/gpt-oss-20b", gpt_oss),
        ("deepseek-ai/DeepSeek-V2-Lite-Chat", deepseek_v2_lite),
    ],
)
def test_headers_that_confirm_the_catalogue_change_nothing(name, layout, tensor_parallel):
    model, weights, _ = weighed(name, layout)
    options = ServingOptions(context_tokens=4096, tensor_parallel=tensor_parallel)
    card = find_gpu("H100 SXM")
    by_headers, by_catalogue = (estimate(each, card, options) for each in (replace(model, stored=weights), model))
    assert by_headers.weights_gib == pytest.approx(by_catalogue.weights_gib, rel=1e-9)
