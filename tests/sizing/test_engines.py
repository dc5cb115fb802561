"""The other engines: SGLang's static share, transformers and llama.cpp that take what they need, encoders."""

import pytest

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.cases import estimate_case
from cloudgpu.sizing.engines import ENGINES, sglang
from cloudgpu.sizing.gpus import find_gpu
from cloudgpu.sizing.memory import Refusal


def _on(engine, model="qwen-7b", gpu="RTX 4090", **more):
    return estimate_case({"engine": engine, "model": model, "gpu": gpu, **more})


@pytest.mark.parametrize(
    ("case", "seen_gib"),
    [
        ({"model": "qwq-32b", "gpu": "A10", "tensor_parallel": 4, "gpu_memory_utilization": 0.85}, 2.84),
        ({"model": "llama-3-8b", "gpu": "H200 SXM", "gpu_memory_utilization": 0.8718}, 106.36),
        ({"model": "qwen-7b", "gpu": "A100 SXM4 40GB", "gpu_memory_utilization": 0.88}, 19.92),
        (
            {"model": "r1-distill-qwen-32b", "gpu": "A100 PCIe 80GB", "gpus": 2, "gpu_memory_utilization": 0.5},
            8.46,
        ),
    ],
)  # fmt: skip
def test_sglangs_cache_is_the_static_share_less_the_weights_within_0_6_gib(case, seen_gib):
    assert estimate_case({**case, "engine": "sglang"}).kv_cache_gib == pytest.approx(seen_gib, abs=0.6)


def test_sglangs_default_share_leaves_small_cards_less():
    shares = [sglang.static_share(find_gpu(name)) for name in ("Tesla T4", "RTX 4090", "H200 SXM")]
    assert max(shares[:2]) < shares[2]
    assert all(0.6 < share < 0.95 for share in shares)


def test_sglang_starts_with_less_cache_than_a_request_wants_and_says_so():
    found = _on("sglang", "qwen-14b-awq", max_model_len=32768, gpu_memory_utilization=0.55)
    assert found.starts
    assert 0 < found.longest_context < 32768
    assert any("refused" in note for note in found.capability_notes)


def test_llama_cpp_keeps_the_embedding_of_an_untied_model_off_the_card():
    found = _on("llama.cpp", "llama-3.1-70b", "A100 SXM4 80GB", quantization="q8_0", max_model_len=15360)
    assert found.weights_gib == pytest.approx(68.779, abs=0.01)
    assert found.kv_needed_gib == pytest.approx(4.6875)


@pytest.mark.parametrize(
    ("quantization", "weights_gib"), [(None, 27.6), ("8bit", 15.4), ("4bit", 9.9), ("nf4-double", 9.3)]
)
def test_transformers_loads_14b_in_16_8_and_4_bit(quantization, weights_gib):
    found = _on("transformers", "qwen-14b", "A100 SXM4 40GB", quantization=quantization)
    assert found.weights_gib == pytest.approx(weights_gib, abs=0.1)
    assert found.starts


def test_an_engine_that_takes_what_it_needs_is_not_tight_for_taking_it():
    assert _on("transformers", "qwen-14b", quantization="4bit").verdict == "starts"


def test_a_24_gb_card_takes_14b_in_8_and_4_bit_and_not_in_16():
    verdicts = [_on("transformers", "qwen-14b", quantization=format_).starts for format_ in (None, "8bit", "4bit")]
    assert verdicts == [False, True, True]
    assert _on("transformers", "qwen-14b").refusal is Refusal.WEIGHTS


def test_an_adapter_of_peft_adds_its_own_weights():
    plain, adapted = _on("transformers"), _on("transformers", lora_rank=16)
    assert 0 < adapted.weights_gib - plain.weights_gib < 0.2


@pytest.mark.parametrize("engine", ["vllm", "transformers"])
@pytest.mark.parametrize("name", ["e5-large", "minilm", "camembert-ner", "bert-sentiment"])
def test_an_encoder_fits_a_small_card_with_either_engine(engine, name):
    found = _on(engine, name, "RTX 3060", max_model_len=512)
    assert found.starts
    assert found.weights_gib < 1.3
    assert found.kv_needed_gib == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_answers_with_the_same_fields(engine):
    found = _on(engine, quantization="q4_k_m" if engine == "llama.cpp" else None).as_json()
    assert found.keys() == _on("vllm").as_json().keys()
    assert found["engine"] == engine


@pytest.mark.parametrize("engine", ENGINES)
def test_memory_grows_with_context_and_shrinks_with_nothing(engine):
    quantization = "q4_k_m" if engine == "llama.cpp" else None
    short, long = (_on(engine, quantization=quantization, max_model_len=tokens) for tokens in (2048, 16384))
    assert short.kv_needed_gib < long.kv_needed_gib
    assert short.kv_cache_gib >= long.kv_cache_gib
    assert short.longest_context > 0


def test_a_format_that_an_engine_lacks_is_refused_by_name():
    with pytest.raises(UsageError, match="q4_k_m"):
        _on("sglang", quantization="q4_k_m")


def test_an_engine_nobody_knows_is_refused_with_those_we_know():
    with pytest.raises(UsageError) as caught:
        _on("triton")
    assert "sglang" in (caught.value.hint or "")


def test_llama_cpp_without_flash_attention_keeps_the_scores_of_the_whole_context():
    case = {"model": "qwen-14b", "gpu": "RTX 4090", "engine": "llama.cpp", "quantization": "q4_k_m"}
    case |= {"max_model_len": 32768}
    flash, plain = estimate_case(case), estimate_case({**case, "no_flash_attention": True})
    assert plain.activation_peak_gib == pytest.approx((40 * 32768 + 13824 + 4 * 5120) * 512 * 4 / 2**30)
    assert flash.activation_peak_gib < 0.5
    assert plain.longest_context < flash.longest_context or flash.longest_context == 32768
    assert "--flash-attn off" in plain.flags
    assert "--flash-attn off" not in flash.flags


@pytest.mark.parametrize(
    ("case", "part"),
    [
        ({"engine": "vllm"}, "only llama.cpp"),
        ({"engine": "llama.cpp", "kv_cache_dtype": "fp8"}, "quantises its cache"),
    ],
)
def test_flash_attention_is_only_left_out_where_that_can_be(case, part):
    with pytest.raises(UsageError, match=part):
        estimate_case({"model": "qwen-14b", "gpu": "RTX 4090", "no_flash_attention": True, **case})
