"""Weights from GGUF headers: block sizes, growing reads, architecture from the metadata."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_checkpoints import GGUF_LLAMA, gguf_bytes, gguf_tensors, write_gguf

from cloudgpu.base.errors import BadFileError, NotFoundError
from cloudgpu.base.units import GIB
from cloudgpu.sizing.checkpoint import LocalFiles, read_checkpoint
from cloudgpu.sizing.checkpoint.gguf import BLOCKS, FIRST_READ, read_gguf
from cloudgpu.sizing.gpus import find_gpu
from cloudgpu.sizing.memory import estimate
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

BITS_PER_WEIGHT = {"Q8_0": 8.5, "Q6_K": 6.5625, "Q5_K": 5.5, "Q4_K": 4.5, "Q3_K": 3.4375, "Q2_K": 2.625, "MXFP4": 4.25}


def test_a_file_is_weighed_by_its_header_and_says_so(tmp_path):
    model = resolve_model(str(write_gguf(tmp_path / "m-Q4_K_M.gguf")))
    assert model.weights_source.startswith("GGUF header of m-Q4_K_M.gguf in ")
    assert model.stored.file_bytes == gguf_bytes(gguf_tensors())
    assert model.quantization == "gguf"


def test_the_architecture_comes_from_the_metadata(tmp_path):
    found = resolve_model(str(write_gguf(tmp_path / "m.gguf"))).architecture
    assert (found.family, found.layers, found.hidden_size, found.kv_heads) == ("llama", 2, 256, 2)
    assert (found.vocab_size, found.max_context, found.head_dim) == (1024, 2048, 64)
    assert found.is_exact


def test_parts_are_told_apart_by_llama_cpps_names(tmp_path):
    weights = read_checkpoint(LocalFiles(write_gguf(tmp_path / "m.gguf"))).weights
    assert weights.kv_linear.packed_bytes == 2 * (256 * 128 // 256) * (144 + 210)
    assert weights.embedding.packed_bytes == 256 * 1024 // 256 * 144
    assert weights.head.packed_bytes == 256 * 1024 // 256 * 210
    assert weights.small.elements == 5 * 256


def test_a_model_without_an_output_matrix_is_tied(tmp_path):
    tensors = {name: row for name, row in gguf_tensors().items() if name != "output.weight"}
    model = resolve_model(str(write_gguf(tmp_path / "m.gguf", tensors=tensors)))
    assert model.architecture.parameters.head == 0


def test_a_header_longer_than_the_first_read_is_read_on(tmp_path):
    path = write_gguf(tmp_path / "m.gguf", vocabulary=200_000)
    header = read_gguf(LocalFiles(path), path.name)
    assert header.metadata["tokenizer.ggml.tokens"].length == 200_000
    assert path.stat().st_size > FIRST_READ
    assert len(header.tensors) == len(gguf_tensors())


@pytest.mark.parametrize(("name", "bits"), BITS_PER_WEIGHT.items())
def test_a_type_takes_the_bits_that_are_known_of_it(name, bits):
    block, size = next((weights, size) for kind, weights, size in BLOCKS.values() if kind == name)
    assert size * 8 / block == bits


def test_the_parts_of_a_split_file_are_added_up_and_a_missing_one_is_named(tmp_path):
    names = list(gguf_tensors())
    for part in range(2):
        tensors = {name: gguf_tensors()[name] for name in names[part::2]}
        write_gguf(tmp_path / f"m-0000{part + 1}-of-00002.gguf", tensors=tensors)
    assert resolve_model(str(tmp_path)).stored.file_bytes == gguf_bytes(gguf_tensors())
    (tmp_path / "m-00002-of-00002.gguf").unlink()
    with pytest.raises(NotFoundError, match="1 of 2 parts"):
        resolve_model(str(tmp_path))


def test_llama_cpp_loads_what_the_header_says_and_leaves_the_embedding_to_the_cpu(tmp_path):
    model = resolve_model(str(write_gguf(tmp_path / "m-Q4_K_M.gguf")))
    found = estimate(model, find_gpu("RTX 4090"), ServingOptions(engine="llama.cpp", context_tokens=1024))
    on_gpu = gguf_bytes(gguf_tensors()) - gguf_bytes({"": gguf_tensors()["token_embd.weight"]})
    assert found.weights_gib == pytest.approx(on_gpu / GIB)
    assert not any("average" in note for note in found.capability_notes)


def test_several_files_in_a_folder_must_be_chosen_from(tmp_path):
    for name in ("a-Q4_K_M.gguf", "a-Q8_0.gguf"):
        write_gguf(tmp_path / name)
    with pytest.raises(NotFoundError, match="2 GGUF files"):
        resolve_model(str(tmp_path))
    assert resolve_model(str(tmp_path / "a-Q8_0.gguf")).stored


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda raw: b"GGML" + raw[4:], "no GGUF file"),
        (lambda raw: raw[:4] + b"\x01" + raw[5:], "version 1"),
        (lambda raw: raw[:60], "cut short inside its header"),
        (lambda raw: raw[:-64], "header promises"),
        (lambda raw: raw[:8] + b"\xff" * 8 + raw[16:], "damaged"),
        (lambda raw: raw.replace(b"output.weight\x02\x00\x00\x00", b"output.weight\xff\x00\x00\x00"), "damaged"),
    ],
    ids=["magic", "version", "in header", "in data", "absurd count", "absurd shape"],
)
def test_a_damaged_file_is_refused_in_one_sentence_with_a_way_out(tmp_path, damage, sentence):
    path = write_gguf(tmp_path / "m.gguf")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadFileError) as refused:
        resolve_model(str(path))
    assert sentence in refused.value.message
    assert refused.value.hint


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), min_size=1, max_size=6))
def test_whatever_is_wrong_with_a_header_is_said_in_one_sentence(tmp_path_factory, changes):
    path = write_gguf(tmp_path_factory.mktemp("x") / "m.gguf")
    raw = bytearray(path.read_bytes())
    for place, value in changes:
        raw[place] = value
    path.write_bytes(raw)
    with suppress(BadFileError):
        assert read_gguf(LocalFiles(path), path.name).tensors is not None


def test_a_vision_projector_is_no_model(tmp_path):
    path = write_gguf(tmp_path / "m.gguf", {**GGUF_LLAMA, "general.architecture": "clip"})
    with pytest.raises(BadFileError, match="vision projector"):
        resolve_model(str(path))
