"""Number formats: bytes, what stays in 16 bit, which release serves what on which card."""

import pytest

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.cases import estimate_case
from cloudgpu.sizing.catalog import read_rows
from cloudgpu.sizing.kept_modules import kept_layers
from cloudgpu.sizing.known_models import all_models
from cloudgpu.sizing.memory.allocator import MIB, held_bytes
from cloudgpu.sizing.models import model_from_config, resolve_model
from cloudgpu.sizing.number_formats import STORAGES, canonical_quantization
from cloudgpu.sizing.quantization_config import checkpoint_format

QWEN = next(row["config"] for row in read_rows("models") if row["short_name"] == "qwen-14b")


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.short_name)
def test_the_tensors_of_a_model_are_all_its_matrices(model):
    matrices = model.architecture.matrices
    assert model.is_encoder or sum(matrix.elements for matrix in matrices) == model.architecture.parameters.quantisable


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("awq", 4.15625),
        ("gptq", 4.15625),
        ("mxfp4", 4.25),
        ("nvfp4", 4.5),
        ("bitsandbytes", 4.5),
        ("bitsandbytes-double", 4.126953125),
        ("fp8", 8.001953125),
    ],
)
def test_bits_a_weight_are_those_of_the_files(name, bits):
    assert 8 * STORAGES[name].bytes_per_weight() == pytest.approx(bits)


@pytest.mark.parametrize(
    ("size_mib", "held_mib"),
    [(0.5, 0.5), (5, 5), (6.5, 6.5 + 0.5 / 3), (135, 136), (24.5, 24.5), (270, 270), (31.5, 32)],
)
def test_the_allocator_keeps_a_rest_of_up_to_one_mib(size_mib, held_mib):
    assert held_bytes(size_mib * MIB) == pytest.approx(held_mib * MIB)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes-int8"),
        ({"quant_method": "bitsandbytes", "bnb_4bit_use_double_quant": True}, "bitsandbytes-double"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8-channel"),
    ],
)
def test_a_checkpoints_own_words_are_understood(config, expected):
    assert checkpoint_format({"quantization_config": config}).quantization == expected


def test_the_group_size_of_a_checkpoint_counts():
    narrow, wide = (
        model_from_config({**QWEN, "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": size}})
        for size in (32, 128)
    )
    assert _weights(narrow) > 1.07 * _weights(wide)


@pytest.mark.parametrize(
    "patterns",
    [("self_attn",), ("re:.*self_attn.*",), ("*self_attn*",), tuple(f"model.layers.{i}.self_attn" for i in range(48))],
)
def test_modules_a_checkpoint_does_not_convert_stay_in_16_bit(patterns):
    matrices = {matrix.name: matrix for matrix in resolve_model("qwen-14b").architecture.matrices}
    assert kept_layers(matrices["self_attn.qkv_proj"], patterns) == 1
    assert kept_layers(matrices["mlp.down_proj"], patterns) == 0


def test_a_module_kept_in_half_the_layers_counts_half():
    matrix = next(m for m in resolve_model("qwen-14b").architecture.matrices if m.name == "mlp.down_proj")
    listed = tuple(f"model.layers.{index}.mlp.down_proj" for index in range(24))
    assert kept_layers(matrix, listed) == pytest.approx(0.5)


def test_an_ignore_list_makes_the_weights_larger():
    quantised = {"quant_method": "awq", "bits": 4, "group_size": 128}
    plain = _weights(model_from_config({**QWEN, "quantization_config": quantised}))
    kept = _weights(
        model_from_config({**QWEN, "quantization_config": {**quantised, "modules_to_not_convert": ["self_attn"]}})
    )
    assert kept > plain + 2


@pytest.mark.parametrize(
    ("case", "part"),
    [
        ({"gpu": "RTX 3090", "engine_version": "0.11.0", "kv_cache_dtype": "fp8"}, "--kv-cache-dtype auto"),
        ({"gpu": "H100", "kv_cache_dtype": "fp8", "dtype": "half"}, "--dtype bfloat16"),
        ({"gpu": "V100"}, "7.5"),
        ({"gpu": "RTX 5090", "quantization": "int8"}, "12.0"),
        ({"gpu": "T4", "quantization": "fp8", "engine_version": "0.19.0", "dtype": "half"}, "8.0"),
    ],
)
def test_a_card_that_cannot_is_refused_in_words_with_the_fix(case, part):
    found = estimate_case({"model": "qwen-7b", **case})
    assert not found.starts
    assert found.verdict == "refused"
    assert part in (found.hardware_error or "")


@pytest.mark.parametrize(
    ("case", "part"),
    [
        ({"gpu": "A100", "quantization": "fp8"}, "no arithmetic"),
        ({"gpu": "RTX 3090", "kv_cache_dtype": "fp8"}, "FlashInfer"),
        ({"gpu": "RTX 4090", "lora_rank": 12}, "rank 16"),
        ({"gpu": "RTX 4090", "engine_version": "0.9.2"}, "not known"),
    ],
)
def test_what_a_user_should_know_of_formats_is_said(case, part):
    notes = estimate_case({"model": "qwen-7b", **case}).capability_notes
    assert any(part in note for note in notes)


@pytest.mark.parametrize(("quantization", "version"), [("bitsandbytes", "0.28.0"), ("q4_k_m", "0.24.0")])
def test_a_format_that_left_the_core_is_refused_from_that_release_on(quantization, version):
    before = {"bitsandbytes": "0.27.1", "q4_k_m": "0.23.0"}[quantization]
    case = {"model": "qwen-7b", "gpu": "RTX 4090", "quantization": quantization}
    assert estimate_case({**case, "engine_version": before}).starts
    with pytest.raises(UsageError, match=quantization):
        estimate_case({**case, "engine_version": version})


def test_a_format_nobody_knows_is_refused_with_those_we_know():
    with pytest.raises(UsageError) as caught:
        canonical_quantization("int3")
    assert "awq" in (caught.value.hint or "")


def _weights(model):
    from cloudgpu.sizing.gpus import find_gpu
    from cloudgpu.sizing.memory import estimate
    from cloudgpu.sizing.options import ServingOptions

    return estimate(model, find_gpu("L40S"), ServingOptions()).weights_gib


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("deepseek-v3", "fp8"),
        ("meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8", "fp8"),
        ("qwen-7b-awq", "awq_marlin"),
    ],
)
def test_a_checkpoint_may_be_called_by_the_engines_name_for_its_format(model, said):
    own = estimate_case({"model": model, "gpu": "B300", "gpus": 8 if "7b" not in model else 1})
    named = estimate_case({"model": model, "gpu": "B300", "gpus": 8 if "7b" not in model else 1, "quantization": said})
    assert named.quantization == own.quantization
    assert named.weights_gib == own.weights_gib


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("bitsandbytes 4bit", "bitsandbytes"),
        ("modelopt nvfp4", "nvfp4"),
        ("awq 4bit", "awq"),
        ("gguf Q4_K_M", "q4_k_m"),
    ],
)
def test_formats_are_understood_as_reports_write_them(said, ours):
    assert canonical_quantization(said) == ours
