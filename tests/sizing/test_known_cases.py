"""Cases that people have asked about, answered as the engine answered or as arithmetic by hand does."""

import json

import pytest

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.cases import estimate_case
from cloudgpu.sizing.memory import Refusal

TWO_4090 = {"gpu": "RTX 4090", "gpus": 2, "max_model_len": 131072}


def test_qwen3_32b_in_4_bit_serves_131072_tokens_on_two_24_gb_cards():
    found = estimate_case(
        {**TWO_4090, "model": "Qwen/Qwen3-32B-AWQ", "kv_cache_dtype": "fp8", "gpu_memory_utilization": 0.95}
    )
    assert found.starts
    assert found.kv_needed_gib == pytest.approx(8.0, abs=0.01)
    assert found.sequences_at_context > 1.2


def test_on_cards_without_peers_graphs_make_it_tight_and_fewer_sequences_or_a_smaller_share_safe():
    case = {**TWO_4090, "model": "Qwen/Qwen3-32B-AWQ", "kv_cache_dtype": "fp8", "gpu_memory_utilization": 0.95}
    tight = estimate_case(case)
    assert tight.verdict == "tight"
    assert any("--max-num-seqs 32" in note for note in tight.capability_notes)
    assert estimate_case({**case, "max_num_seqs": 32}).verdict == "starts"
    assert estimate_case({**case, "gpu_memory_utilization": tight.highest_utilization}).verdict == "starts"
    assert estimate_case({**case, "engine_version": "0.33.0"}).verdict == "starts"


def test_the_vision_model_in_fp8_does_not_and_the_longest_context_is_named():
    found = estimate_case(
        {**TWO_4090, "model": "Qwen/Qwen3-VL-32B-Instruct-FP8", "kv_cache_dtype": "fp8", "gpu_memory_utilization": 0.85}
    )
    assert found.refusal is Refusal.KV_CACHE
    assert 1000 < found.longest_context < 60_000
    assert str(found.longest_context) in (found.refusal_text or "")
    assert f"--max-model-len {found.longest_context}" in found.flags


@pytest.mark.parametrize(
    ("quantization", "on_24_gb", "on_40_gb"), [(None, False, True), ("fp8", True, True), ("awq", True, True)]
)
def test_14b_fits_24_gb_in_8_and_4_bit_and_40_gb_in_any(quantization, on_24_gb, on_40_gb):
    cards = ("RTX 4090", "A100 SXM4 40GB")
    found = [estimate_case({"model": "qwen-14b", "gpu": card, "quantization": quantization}) for card in cards]
    assert [each.starts for each in found] == [on_24_gb, on_40_gb]


def test_the_flags_of_a_start_start_it():
    found = estimate_case(
        {**TWO_4090, "model": "qwen3-32b-awq", "kv_cache_dtype": "fp8", "gpu_memory_utilization": 0.9}
    )
    flags = dict(flag.partition(" ")[::2] for flag in found.flags)
    assert flags["--max-model-len"] == "131072"
    assert flags["--tensor-parallel-size"] == "2"
    assert json.loads(flags["--hf-overrides"])["rope_parameters"]["factor"] == 4


def _override(case):
    flags = dict(flag.partition(" ")[::2] for flag in estimate_case({"gpu": "H100", **case}).flags)
    return json.loads(flags["--hf-overrides"])["rope_parameters"]


def test_the_override_repeats_the_configs_own_rope_base():
    config = {"model_type": "qwen2", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32}
    config |= {"vocab_size": 32000, "intermediate_size": 11008, "max_position_embeddings": 32768}
    case = {"max_model_len": 65536}
    assert _override({**case, "config": {**config, "rope_theta": 10000.0}})["rope_theta"] == 10000
    assert _override({**case, "config": {**config, "rope_parameters": {"rope_theta": 5e6}}})["rope_theta"] == 5000000
    assert _override({**case, "model": "qwen-14b"})["rope_theta"] == 1000000


@pytest.mark.parametrize(
    ("release", "key", "has_theta", "has_length"),
    [
        ("0.11.0", "rope_scaling", False, False),
        ("0.11.2", "rope_scaling", False, False),
        ("0.12.0", "rope_parameters", True, False),
        ("0.23.0", "rope_parameters", True, False),
        ("0.24.0", "rope_parameters", True, False),
        ("0.29.0", "rope_parameters", True, False),
        ("0.30.0", "rope_parameters", True, True),
        ("0.33.0", "rope_parameters", True, True),
    ],
)
def test_yarn_is_asked_for_in_the_form_that_the_release_reads(release, key, has_theta, has_length):
    found = estimate_case({"model": "qwen-14b", "gpu": "H100", "max_model_len": 65536, "engine_version": release})
    override = json.loads(dict(flag.partition(" ")[::2] for flag in found.flags)["--hf-overrides"])
    assert override[key]["factor"] == 2
    assert override[key].get("rope_theta") == (1000000 if has_theta else None)
    assert override.get("max_position_embeddings") == (65536 if has_length else None)


def test_a_model_that_sees_is_stretched_inside_its_text_part():
    case = {"model": "Qwen/Qwen3-VL-8B-Instruct", "gpu": "H200", "max_model_len": 300000, "rope_scaling_factor": 2}
    flags = dict(flag.partition(" ")[::2] for flag in estimate_case(case).flags)
    assert json.loads(flags["--hf-overrides"])["text_config"]["rope_parameters"]["factor"] == 2
    with pytest.raises(UsageError, match="multimodal"):
        estimate_case({**case, "engine_version": "0.11.0"})


def test_a_rope_base_that_nobody_knows_is_asked_for_and_not_made_up():
    case = {"model": "mistral", "max_model_len": 65536, "rope_scaling_factor": 2}
    assert "rope_theta" not in _override(case)
    assert any("rope_theta" in note for note in estimate_case({"gpu": "H100", **case}).capability_notes)


@pytest.mark.parametrize("quantization", ["fp8", "nf4"])
def test_what_the_engine_makes_while_it_loads_is_asked_for_by_a_flag(quantization):
    found = estimate_case({"model": "qwen-14b", "gpu": "H100", "quantization": quantization})
    assert any(flag.startswith("--quantization ") for flag in found.flags)


def test_a_format_that_needs_files_of_its_own_names_them_instead_of_a_flag_that_fails():
    published, unknown = (
        estimate_case({"model": "qwen-14b", "gpu": "H100", "quantization": name}) for name in ("awq", "nvfp4")
    )
    assert not any(flag.startswith("--quantization") for flag in (*published.flags, *unknown.flags))
    assert any("Qwen/Qwen2.5-14B-Instruct-AWQ" in note for note in published.capability_notes)
    assert any("name a repository" in note for note in unknown.capability_notes)


def test_a_card_of_a_maker_whose_starts_nobody_compared_says_so_with_a_wider_band():
    amd, nvidia = (estimate_case({"model": "qwen-14b", "gpu": card}) for card in ("MI300X", "H200"))
    assert any("no start on a card of AMD" in note for note in amd.capability_notes)
    assert amd.error_band_gib > nvidia.error_band_gib


def test_the_context_that_a_refusal_names_starts():
    case = {"model": "llama-3.1-8b", "gpu": "RTX 4090", "max_model_len": 131072}
    refused = estimate_case(case)
    assert not refused.starts
    assert estimate_case({**case, "max_model_len": refused.longest_context}).starts


def test_a_share_too_large_for_the_graphs_is_answered_with_one_that_leaves_them_room():
    case = {"model": "qwen-14b-awq", "gpu": "RTX 4090"}
    refused = estimate_case({**case, "gpu_memory_utilization": 0.98})
    share = next(flag for flag in refused.flags if flag.startswith("--gpu-memory-utilization")).split()[1]
    assert not refused.starts
    assert estimate_case({**case, "gpu_memory_utilization": float(share)}).starts


@pytest.mark.parametrize(
    ("case", "part", "fix"),
    [
        ({"model": "llama-2-7b", "max_model_len": 9000}, "4096 tokens", "--context 4096"),
        ({"model": "qwen3-8b", "max_model_len": 200_000}, "40960 tokens", "131072"),
        ({"model": "qwen-7b", "tensor_parallel": 8}, "28 attention heads", "--tensor-parallel"),
        ({"model": "qwen-7b", "speculative_tokens": 2}, "no layers that speculate", "--speculative-tokens"),
        ({"model": "qwen-14b-awq", "quantization": "fp8"}, "already quantised", "unquantised"),
        ({"model": "qwen-7b", "quantization": "int3"}, "int3", "awq"),
        ({"model": "qwen-7b", "engine_version": "newest"}, "newest", "0.25.1"),
        ({"model": "qwen-7b", "rope_scaling_factor": 0.5}, "--rope-scaling-factor", "YaRN"),
        ({"model": "qwen3-8b", "max_model_len": 131072, "rope_scaling_factor": 2}, "131072", "--context 65536"),
        ({"model": "e5-large", "max_model_len": 8192}, "512 tokens", "--context 512"),
        ({"model": "qwen-7b", "lora_rank": 1000}, "rank 512", "512"),
        ({"model": "qwen-7b", "max_loras": 4}, "--max-loras", "--lora-rank"),
        ({"model": "qwen-7b", "max_num_batched_tokens": 100, "max_num_seqs": 256}, "--max-num-seqs 256", "256"),
        ({"model": "qwen-14b-awq", "quantization": "bf16"}, "served as bf16", "unquantised"),
    ],
)
def test_contradictions_end_in_one_sentence_that_names_the_fix(case, part, fix):
    with pytest.raises(UsageError) as caught:
        estimate_case({"gpu": "H100", **case})
    assert part in caught.value.message
    assert fix in (caught.value.hint or "")
    assert "\n" not in caught.value.message


def test_an_unknown_architecture_is_answered_with_a_wide_band_that_says_so():
    config = {"model_type": "tomorrow", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32}
    config |= {"vocab_size": 32000, "intermediate_size": 11008, "max_position_embeddings": 4096}
    unknown = estimate_case({"config": config, "gpu": "RTX 4090"})
    known = estimate_case({"config": {**config, "model_type": "llama"}, "gpu": "RTX 4090"})
    assert unknown.error_band_gib > 2 * known.error_band_gib
    assert any("tomorrow" in note for note in unknown.capability_notes)


def test_a_factor_in_the_config_itself_needs_no_override():
    config = {"model_type": "qwen3", "hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32}
    config |= {"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "intermediate_size": 12288}
    config |= {"max_position_embeddings": 40960}
    config["rope_scaling"] = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
    found = estimate_case({"config": config, "gpu": "H100", "max_model_len": 131072})
    assert found.starts
    assert not any(flag.startswith("--hf-overrides") for flag in found.flags)


def test_a_config_that_stretches_already_is_stretched_no_further():
    config = {"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32}
    config |= {"vocab_size": 32000, "intermediate_size": 11008, "max_position_embeddings": 131072}
    config["rope_scaling"] = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
    with pytest.raises(UsageError, match="131072 tokens"):
        estimate_case({"config": config, "gpu": "H100", "max_model_len": 400_000})


def test_an_image_limit_of_none_spares_the_towers_profile_and_not_its_weights():
    case = {"model": "qwen2.5-vl-7b", "gpu": "RTX 4090", "engine_version": "0.26.0"}
    images, text_only = estimate_case(case), estimate_case({**case, "image_limit": 0})
    assert text_only.weights_gib == images.weights_gib
    assert text_only.activation_peak_gib < images.activation_peak_gib


def test_smaller_images_take_less():
    case = {"model": "qwen2.5-vl-7b", "gpu": "RTX 4090", "image_limit": 1, "engine_version": "0.26.0"}
    peaks = [
        estimate_case({**case, "max_pixels": pixels}).activation_peak_gib for pixels in (600_000, 4_000_000, 12_000_000)
    ]
    assert peaks == sorted(peaks)
    assert peaks[0] < peaks[2]


def test_layers_that_speculate_take_weights_and_cache():
    case = {"model": "deepseek-v3", "gpu": "H200", "gpus": 8}
    plain, drafting = estimate_case(case), estimate_case({**case, "speculative_tokens": 1})
    assert 0.5 < drafting.weights_gib - plain.weights_gib < 3
    assert drafting.kv_bytes_per_token == plain.kv_bytes_per_token * 62 // 61
    assert any("mtp" in flag for flag in drafting.flags)


def test_experts_shared_out_whole_take_what_cut_ones_take():
    case = {"model": "qwen3-30b-a3b", "gpu": "H100", "gpus": 4}
    cut, whole = estimate_case(case), estimate_case({**case, "expert_parallel": True})
    assert whole.weights_gib == pytest.approx(cut.weights_gib, rel=0.01)


def test_chunked_attention_is_whole_before_the_pool_frees_it():
    case = {"model": "llama-4-scout", "gpu": "H200", "gpus": 8, "max_model_len": 1_000_000}
    early, late = (estimate_case({**case, "engine_version": version}) for version in ("0.9.1", "0.25.1"))
    assert early.kv_needed_gib == pytest.approx(4 * late.kv_needed_gib, rel=0.1)
