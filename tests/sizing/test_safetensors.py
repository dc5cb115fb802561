"""Weights from safetensors headers: every byte counted, and counted as an engine loads it."""

import json
import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_checkpoints import (
    AWQ_QWEN2,
    MIXTURE,
    QWEN2,
    TIED_QWEN2,
    awq_tensors,
    mixture_tensors,
    qwen2_tensors,
    stored_bytes,
    write_model,
    write_safetensors,
)

from cloudgpu.base.errors import BadFileError, NotFoundError
from cloudgpu.sizing.checkpoint import LocalFiles, read_checkpoint
from cloudgpu.sizing.checkpoint.parts import part_of
from cloudgpu.sizing.checkpoint.safetensors import read_safetensors
from cloudgpu.sizing.gpus import find_gpu
from cloudgpu.sizing.memory import estimate
from cloudgpu.sizing.models import model_from_config, resolve_model
from cloudgpu.sizing.options import ServingOptions
from cloudgpu.sizing.weighed import find_model

CARD = find_gpu("RTX 4090")


@pytest.mark.parametrize("shards", [1, 3])
def test_a_folder_is_weighed_by_its_headers_and_says_so(tmp_path, shards):
    folder = write_model(tmp_path / "m", QWEN2, qwen2_tensors(), shards=shards)
    model = resolve_model(str(folder))
    assert model.weights_source == f"safetensors headers in {folder}"
    assert model.stored.file_bytes == stored_bytes(qwen2_tensors())
    assert model.checkpoint().download_gb == round(stored_bytes(qwen2_tensors()) / 1e9, 2)


@pytest.mark.parametrize(
    ("config", "tensors"),
    [(QWEN2, qwen2_tensors()), (TIED_QWEN2, qwen2_tensors(TIED_QWEN2)), (MIXTURE, mixture_tensors())],
    ids=["untied", "tied", "mixture"],
)
def test_headers_and_config_arithmetic_agree_part_by_part(tmp_path, config, tensors):
    folder = write_model(tmp_path, config, tensors)
    counted = model_from_config(config).architecture.parameters
    assert resolve_model(str(folder)).architecture.parameters == counted


@pytest.mark.parametrize("tensor_parallel", [1, 2, 4])
def test_headers_and_config_give_the_same_weights_on_each_gpu_of_a_split(tmp_path, tensor_parallel):
    options = ServingOptions(tensor_parallel=tensor_parallel, context_tokens=1024)
    by_headers = resolve_model(str(write_model(tmp_path, MIXTURE, mixture_tensors())))
    assert estimate(by_headers, CARD, options).weights_gib == pytest.approx(
        estimate(model_from_config(MIXTURE), CARD, options).weights_gib, rel=1e-9
    )


def test_a_second_copy_of_tied_embeddings_is_not_loaded(tmp_path):
    tensors = qwen2_tensors(TIED_QWEN2)
    weights = read_checkpoint(LocalFiles(write_model(tmp_path, TIED_QWEN2, tensors))).weights
    assert weights.unused_bytes == stored_bytes({"": tensors["lm_head.weight"]})
    assert weights.head.elements == 0


def test_tied_embeddings_that_are_stored_as_the_head_alone_are_loaded(tmp_path):
    tensors = {name: row for name, row in qwen2_tensors(TIED_QWEN2).items() if "embed" not in name}
    weights = read_checkpoint(LocalFiles(write_model(tmp_path, TIED_QWEN2, tensors))).weights
    assert weights.head.elements == 512 * 64


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("model.layers.3.self_attn.rotary_emb.inv_freq", "unused"),
        ("mtp.layers.0.self_attn.q_proj.weight", "mtp"),
        ("model.layers.61.mlp.experts.7.up_proj.weight", "mtp"),
        ("model.layers.60.mlp.experts.7.up_proj.weight_scale_inv", "experts"),
        ("model.layers.60.mlp.shared_experts.up_proj.weight", "linear"),
        ("model.layers.1.mlp.experts.gate_up_proj_blocks", "experts"),
        ("model.layers.1.self_attn.kv_a_proj_with_mqa.weight", "replicated_linear"),
        ("model.layers.1.self_attn.qkv_proj.weight", "fused_qkv"),
        ("model.layers.1.self_attn.k_proj.qweight", "kv_linear"),
        ("model.layers.1.mlp.gate.weight", "small"),
        ("model.layers.1.linear_attn.in_proj_qkvz.weight", "linear"),
        ("model.layers.1.linear_attn.in_proj_ba.weight", "small"),
        ("model.visual.blocks.30.attn.qkv.weight", "vision"),
        ("visual.merger.mlp.0.weight", "vision"),
        ("vision_tower.vision_model.encoder.layers.99.mlp.fc1.weight", "vision"),
        ("language_model.lm_head.weight", "head"),
        ("language_model.model.embed_tokens.weight", "embedding"),
    ],
)
def test_a_tensor_belongs_to_the_part_that_an_engine_takes_it_for(name, part):
    assert part_of(name, 2, layers=61) == part


def test_a_vector_is_small_and_a_scale_goes_with_its_matrix():
    assert part_of("model.layers.0.input_layernorm.weight", 1, 4) == "small"
    assert part_of("model.layers.0.mlp.up_proj.weight_scale", 1, 4) == "linear"


def test_keys_and_values_of_a_fused_projection_are_told_apart_by_the_heads(tmp_path):
    tensors = {name: row for name, row in qwen2_tensors().items() if "k_proj" not in name and "v_proj" not in name}
    tensors = {
        name.replace("q_proj", "qkv_proj"): (dtype, (128, *shape[1:]) if "q_proj" in name else shape)
        for name, (dtype, shape) in tensors.items()
    }
    found = read_checkpoint(LocalFiles(write_model(tmp_path, QWEN2, tensors))).weights.counts()
    assert found == model_from_config(QWEN2).architecture.parameters


def test_awq_is_weighed_by_its_own_scales_whatever_their_group(tmp_path):
    gib = {}
    wide = {**AWQ_QWEN2, "hidden_size": 1024, "intermediate_size": 4096}
    for group in (32, 128):
        folder = write_model(tmp_path / str(group), wide, awq_tensors(wide, group))
        gib[group] = estimate(resolve_model(str(folder)), CARD, ServingOptions(context_tokens=1024)).weights_gib
    assert gib[32] > 1.05 * gib[128]
    by_config = estimate(model_from_config(wide), CARD, ServingOptions(context_tokens=1024)).weights_gib
    assert gib[128] == pytest.approx(by_config, rel=0.01)


def test_packed_formats_keep_their_bytes_and_plain_ones_are_cast(tmp_path):
    tensors = {
        "model.embed_tokens.weight": ("F32", (512, 64)),
        "model.layers.0.mlp.up_proj.weight": ("F8_E4M3", (256, 64)),
        "model.layers.0.mlp.down_proj.weight": ("F4", (64, 256)),
        "model.layers.0.mlp.gate_proj.weight": ("U8", (256, 32)),
        "model.layers.0.mlp.up_proj.weight_scale": ("F32", (1,)),
    }
    weights = read_checkpoint(LocalFiles(write_model(tmp_path, QWEN2, tensors))).weights
    assert weights.linear.packed_bytes == 256 * 64 + 64 * 256 // 2 + 256 * 32
    assert weights.linear.elements == 1
    assert weights.embedding.loaded_bytes(2) == 512 * 64 * 2


def test_files_that_hold_more_than_the_config_implies_count_and_it_is_said(tmp_path):
    tensors = qwen2_tensors() | {"model.layers.0.mlp.extra_proj.weight": ("BF16", (512, 64))}
    model = resolve_model(str(write_model(tmp_path, QWEN2, tensors)))
    assert model.parameters == model_from_config(QWEN2).parameters + 512 * 64
    assert any("the files count" in note for note in model.notes)


def test_an_unknown_architecture_is_weighed_exactly_and_its_cache_is_a_guess_with_a_wide_band(tmp_path):
    strange = {**QWEN2, "model_type": "something_new"}
    model = resolve_model(str(write_model(tmp_path, strange, qwen2_tensors())))
    known = resolve_model(str(write_model(tmp_path / "known", QWEN2, qwen2_tensors())))
    options = ServingOptions(context_tokens=1024)
    assert model.parameters == known.parameters
    assert any("something_new is unknown" in note for note in estimate(model, CARD, options).capability_notes)
    wide, narrow = (estimate(each, CARD, options).error_band_gib for each in (model, known))
    assert wide > narrow + estimate(model, CARD, options).kv_needed_gib


@pytest.mark.parametrize("config", [{}, {"model_type": "state_space", "hidden_size": 64}], ids=["none", "odd"])
def test_weights_without_a_readable_config_are_weighed_and_the_rest_is_guessed_from_shapes(tmp_path, config):
    folder = write_model(tmp_path, config, qwen2_tensors())
    if not config:
        (folder / "config.json").unlink()
    model = resolve_model(str(folder))
    assert (model.architecture.layers, model.architecture.hidden_size, model.architecture.vocab_size) == (3, 64, 512)
    assert not model.architecture.is_exact
    assert "guessed from the tensors" in model.notes[0]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda raw: raw[:6], "cut short"),
        (lambda raw: raw[:40], "cut short inside its header"),
        (lambda raw: raw[:-1], "header promises"),
        (lambda raw: struct.pack("<Q", 2**60) + raw[8:], "no safetensors file"),
        (lambda raw: raw[:8] + b"[" + raw[9:], "no safetensors file"),
        (lambda raw: raw[:20] + b"\x00" + raw[21:], "damaged"),
        (lambda raw: raw.replace(b'"BF16"', b'"F32" '), "contradicts itself"),
        (lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "Git LFS pointer"),
    ],
    ids=["no length", "in header", "in data", "absurd length", "no object", "bad JSON", "wrong size", "pointer"],
)
def test_a_damaged_file_is_refused_in_one_sentence_with_a_way_out(tmp_path, damage, sentence):
    path = write_safetensors(tmp_path / "model.safetensors", qwen2_tensors())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadFileError) as refused:
        read_checkpoint(LocalFiles(tmp_path))
    assert sentence in refused.value.message
    assert refused.value.hint


def test_a_shard_that_the_index_names_and_the_folder_lacks_is_named(tmp_path):
    folder = write_model(tmp_path, QWEN2, qwen2_tensors(), shards=3)
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(NotFoundError, match=r"1 of 3 weight files are missing .*model-00002-of-00003"):
        resolve_model(str(folder))


def test_an_adapter_is_no_model(tmp_path):
    write_safetensors(tmp_path / "adapter_model.safetensors", {"a.lora_A.weight": ("F32", (16, 64))})
    with pytest.raises(NotFoundError, match="no weights"):
        resolve_model(str(tmp_path))


def test_weights_from_file_need_a_file(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(QWEN2))
    assert resolve_model(str(tmp_path)).weights_source.startswith("counted from its config.json")
    with pytest.raises(NotFoundError, match="no weights in"):
        find_model(str(tmp_path), "file")
    with pytest.raises(NotFoundError, match="no file or folder"):
        find_model(str(tmp_path / "absent"), "file")


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6))
def test_whatever_is_wrong_with_a_header_is_said_in_one_sentence(tmp_path_factory, changes):
    path = write_safetensors(tmp_path_factory.mktemp("x") / "model.safetensors", qwen2_tensors())
    raw = bytearray(path.read_bytes())
    for place, value in changes:
        raw[place] = value
    path.write_bytes(raw)
    with suppress(BadFileError):
        assert read_checkpoint(LocalFiles(path)).weights.file_bytes >= 0


@settings(max_examples=40, deadline=None)
@given(sides=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), min_size=1, max_size=8))
def test_what_was_written_is_read_back_to_the_byte(tmp_path_factory, sides):
    tensors = {f"model.layers.{i}.mlp.up_proj.weight": ("F32", shape) for i, shape in enumerate(sides)}
    path = write_safetensors(tmp_path_factory.mktemp("x") / "model.safetensors", tensors)
    read = read_safetensors(LocalFiles(path), path.name)
    assert [(t.name, t.dtype, t.shape, t.stored_bytes) for t in read] == [
        (name, dtype, shape, 4 * shape[0] * shape[1]) for name, (dtype, shape) in tensors.items()
    ]
