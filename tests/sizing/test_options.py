"""What may be asked of an engine, and what its releases do when nothing is asked."""

import pytest

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.engines import engine_profile
from cloudgpu.sizing.gpus import find_gpu
from cloudgpu.sizing.options import ServingOptions


@pytest.mark.parametrize(
    "wrong",
    [
        {"context_tokens": -1},
        {"context_tokens": 0},
        {"context_tokens": 10**12},
        {"gpu_memory_utilization": 1.5},
        {"gpu_memory_utilization": 0.0},
        {"gpu_memory_utilization": float("nan")},
        {"gpu_memory_utilization": True},
        {"tensor_parallel": 0},
        {"max_num_seqs": True},
        {"lora_rank": 2.5},
        {"kv_cache_dtype": "int2"},
        {"dtype": "complex"},
    ],
)
def test_a_nonsense_option_is_refused_by_name(wrong):
    with pytest.raises(UsageError) as caught:
        ServingOptions(**wrong)
    name = next(iter(wrong)).removesuffix("_tokens").replace("_", "-")
    assert caught.value.message.startswith(f"--{name} ")
    assert caught.value.hint


def test_the_default_context_is_the_models_own_and_8192_at_most():
    assert ServingOptions().context_for(131072) == 8192
    assert ServingOptions().context_for(4096) == 4096
    assert ServingOptions(context_tokens=20000).context_for(4096) == 20000


def test_the_default_utilisation_rose_with_release_0_20():
    shares = [
        engine_profile("vllm", version).gpu_memory_utilization for version in ("0.11.0", "0.19.1", "0.20.0", "0.33.0")
    ]
    assert shares == [0.90, 0.90, 0.92, 0.92]


def test_releases_from_0_20_need_cuda_13():
    assert [engine_profile("vllm", version).min_cuda for version in ("0.19.1", "0.20.2")] == ["12.8", "13.0"]


@pytest.mark.parametrize(
    ("name", "tokens", "sequences"),
    [("RTX 4090", 2048, 256), ("A100", 2048, 256), ("H100", 8192, 1024), ("B200", 16384, 1024)],
)
def test_the_server_batches_by_the_size_of_the_card(name, tokens, sequences):
    profile, gpu = engine_profile("vllm"), find_gpu(name)
    assert (profile.max_num_batched_tokens(gpu), profile.max_num_seqs(gpu)) == (tokens, sequences)


def test_an_old_card_is_refused_in_words():
    assert "7.5" in (engine_profile("vllm").hardware_error(find_gpu("V100"), None, "auto") or "")
    assert "8.0" in (engine_profile("vllm").hardware_error(find_gpu("T4"), None, "bfloat16") or "")
    assert engine_profile("vllm").hardware_error(find_gpu("RTX 4090"), "fp8", "bfloat16") is None


@pytest.mark.parametrize("version", ["", "latest", "1", "0.x"])
def test_a_version_we_have_no_rules_for_is_refused(version):
    with pytest.raises(UsageError):
        engine_profile("vllm", version or "nightly")


def test_another_engine_is_refused_by_naming_the_one_supported():
    with pytest.raises(UsageError) as caught:
        ServingOptions(engine="tensorrt-llm").profile()
    assert "vllm" in (caught.value.hint or "")


def test_the_oldest_engine_batched_alike_on_every_card():
    profile = engine_profile("vllm", "0.7.3")
    assert (profile.max_num_batched_tokens(find_gpu("H100")), profile.max_num_seqs(find_gpu("H100"))) == (2048, 256)
