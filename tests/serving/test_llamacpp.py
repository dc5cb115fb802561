"""llama.cpp is planned with files that it can read, and never started on others."""

import pytest

from cloudgpu.base.errors import UsageError
from cloudgpu.cli.plan.needs import needs_of
from cloudgpu.sizing.models import resolve_model
from tests.serving.planning import launched, value

BYTES = {
    "qwen3-4b": 2_497_280_256, "qwen3-32b": 19_759_480_832, "qwen2.5-3b": 2_104_932_768,
}  # fmt: skip
"""Of Q4_K_M files, as programs that download them check."""


def asked(model, **options):
    plain = {"context": None, "concurrency": 1, "quantization": None, "kv_cache_dtype": "auto", "adapter": None}
    more = {"rope_scaling_factor": None, "adapter_rank": None, "engine_version": None, "gpu": None, "gpus": None}
    rest = {"region": None, "min_reliability": 0.0, "unverified": True, "hours": "24", "disk": None}
    return needs_of(model, engine="llama.cpp", **{**plain, **more, **rest, **options})


@pytest.mark.parametrize(
    ("model", "checkpoint"),
    [
        ("qwen3-8b", "Qwen/Qwen3-8B-GGUF:Q4_K_M"),
        ("Qwen/Qwen3-8B-GGUF", "Qwen/Qwen3-8B-GGUF:Q4_K_M"),
        ("gemma-3-27b", "google/gemma-3-27b-it-qat-q4_0-gguf:Q4_0"),
    ],
)
def test_a_model_is_planned_with_the_makers_own_files(model, checkpoint):
    needs = asked(model)
    assert needs.model.checkpoint(needs.options.quantization).repo_id == checkpoint


def test_a_format_that_was_asked_for_is_never_replaced():
    assert asked("qwen3-8b", quantization="q4_k_m").options.quantization == "q4_k_m"
    with pytest.raises(UsageError, match="no published q8_0"):
        asked("qwen3-8b", quantization="q8_0").model.checkpoint("q8_0")


def test_it_is_started_on_repository_and_format():
    options = {"engine": "llama.cpp", "engine_version": "b6500", "quantization": "q4_k_m"}
    launch = launched("qwen3-8b", **options)
    assert value(launch, "--hf-repo") == "Qwen/Qwen3-8B-GGUF:Q4_K_M"
    assert launch.health.model_id == value(launch, "--alias")


@pytest.mark.parametrize(("options", "whole", "slots"), [
    ({}, "8192", "1"),
    ({"concurrency": 4}, "32768", "4"),
    ({"max_num_seqs": 2, "context_tokens": 4096}, "8192", "2"),
])  # fmt: skip
def test_every_sequence_gets_the_context_that_was_asked_for(options, whole, slots):
    launch = launched("qwen3-8b", engine="llama.cpp", engine_version="b6500", quantization="q4_k_m", **options)
    assert (value(launch, "--ctx-size"), value(launch, "--parallel")) == (whole, slots)


def test_more_sequences_than_the_card_holds_are_refused():
    with pytest.raises(UsageError, match="200 sequences"):
        launched("qwen3-8b", engine="llama.cpp", engine_version="b6500", quantization="q4_k_m", max_num_seqs=200)


def test_what_it_cannot_read_is_refused_before_anything_is_rented():
    with pytest.raises(UsageError, match="reads GGUF files"):
        launched("mistral", engine="llama.cpp", engine_version="b6500")


@pytest.mark.parametrize(("model", "file_bytes"), BYTES.items())
def test_the_download_is_the_files_within_what_a_mix_of_formats_differs(model, file_bytes):
    name = {"qwen2.5-3b": "Qwen/Qwen2.5-3B-Instruct"}.get(model, model)
    assert resolve_model(name).checkpoint("q4_k_m").download_gb * 1e9 == pytest.approx(file_bytes, rel=0.12)
