"""Speed: what must hold of any card and load, and how far the estimate is off on measured rows that are carried here.

The rows are a sample of what tests/accuracy/speed.py reads (Apache-2.0, named row by row), our own runs, and a public
report. The constants were fitted to the whole of that sample, with these rows in it; the figures for families left out
are in docs/accuracy.md.
"""

import json
from dataclasses import replace
from pathlib import Path
from statistics import mean, median

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.gpus import all_gpus, find_gpu
from cloudgpu.sizing.memory import estimate
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions
from cloudgpu.sizing.speed import Workload, estimate_speed
from cloudgpu.sizing.speed.card import Measured, card_speed
from cloudgpu.sizing.speed.constants import speed_constants
from cloudgpu.sizing.speed.decode import step_s
from cloudgpu.sizing.speed.estimate import split_of
from cloudgpu.sizing.speed.formats import format_speed
from cloudgpu.sizing.speed.loads import loads_of
from cloudgpu.sizing.speed.workload import workload_for

ROWS = [json.loads(line) for line in (Path(__file__).parent / "data/speeds.jsonl").read_text().splitlines()]
SAMPLE = [row for row in ROWS if "tpot_ms" in row["seen"]]
DECODED = [row for row in ROWS if "decode_tokens_per_s" in row["seen"]]
PROMPTED = [row for row in ROWS if "prefill_tokens_per_s" in row["seen"]]

MODELS = st.sampled_from(
    ["qwen-14b", "llama-3.1-8b", "gpt-oss-20b", "deepseek-v2-lite", "gemma-3-27b", "Qwen/Qwen3-30B-A3B", "phi-4"]
)
COUNTS = st.integers(1, 64)
LENGTHS = st.integers(1, 4096)


def _case(row):
    model, gpu = resolve_model(row["model"]), find_gpu(row["gpu"])
    names = ("quantization", "tensor_parallel", "kv_cache_dtype", "enforce_eager", "context_tokens")
    given = {name: row[name] for name in names if name in row}
    options = ServingOptions(**given)
    workload = Workload(**{name: row[name] for name in Workload.__dataclass_fields__})
    return model, gpu, options, workload, replace(estimate(model, gpu, options), engine=row["engine"])


def _error(row):
    return estimate_speed(*_case(row)).tpot_ms / row["seen"]["tpot_ms"] - 1


def _speed(model, gpu, concurrency=1, prompt=512, output=128, **options):
    found, card, asked = resolve_model(model), find_gpu(gpu) if isinstance(gpu, str) else gpu, ServingOptions(**options)
    workload = Workload(concurrency=concurrency, prompt_tokens=prompt, output_tokens=output)
    return estimate_speed(found, card, asked, workload, estimate(found, card, asked))


def test_the_time_per_token_of_the_sample_is_within_the_targets():
    errors = [abs(_error(row)) for row in SAMPLE if row["gpu"] != "B200"]
    assert mean(errors) <= 0.22
    assert median(errors) <= 0.12


def test_four_of_five_rows_lie_within_the_band_that_is_stated():
    within = [abs(_error(row)) * 100 <= estimate_speed(*_case(row)).error_band_percent for row in SAMPLE]
    assert mean(within) >= 0.8


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in DECODED])
def test_decoding_alone_is_within_13_percent_and_a_quarter_for_a_mixture_and_an_fp8_cache(row):
    model, gpu, options, workload, memory = _case(row)
    split = split_of(model, options, memory.quantization)
    loads = loads_of(split, card_speed(gpu), workload, float(workload.concurrency))
    rate = workload.concurrency / step_s(loads, speed_constants(row["engine"]))
    assert rate == pytest.approx(
        row["seen"]["decode_tokens_per_s"], rel=0.26 if "a3b" in row["id"] or "fp8kv" in row["id"] else 0.13
    )


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in PROMPTED if row["concurrency"] > 1])
def test_a_prompt_takes_what_many_prompts_took_within_16_percent(row):
    found = estimate_speed(*_case(row))
    assert row["prompt_tokens"] / found.prefill_ms * 1000 == pytest.approx(
        row["seen"]["prefill_tokens_per_s"], rel=0.16
    )


def test_a_consumer_card_is_within_15_percent_of_the_public_report():
    errors = [_error(row) for row in SAMPLE if row["gpu"] == "RTX 4090"]
    assert len(errors) >= 6
    assert max(map(abs, errors)) <= 0.15


def test_every_row_says_where_it_was_seen():
    assert all(row["source"] for row in ROWS)


@given(MODELS, COUNTS, LENGTHS, LENGTHS, st.floats(1.01, 5))
def test_a_faster_memory_never_makes_fewer_tokens(model, concurrency, prompt, output, factor):
    card = find_gpu("A100 SXM4 80GB")
    faster = replace(card, bandwidth_gb_per_s=card.bandwidth_gb_per_s * factor)
    slow, fast = _speed(model, card, concurrency, prompt, output), _speed(model, faster, concurrency, prompt, output)
    assert fast.output_tokens_per_s > slow.output_tokens_per_s


@given(MODELS, COUNTS, COUNTS, LENGTHS, LENGTHS)
def test_a_token_never_comes_sooner_with_more_requests_at_once(model, concurrency, more, prompt, output):
    few, many = (_speed(model, "H200", count, prompt, output) for count in (concurrency, concurrency + more))
    assert many.tpot_ms >= few.tpot_ms


@given(MODELS, COUNTS, LENGTHS, LENGTHS, LENGTHS)
def test_a_token_never_comes_sooner_after_a_longer_prompt(model, concurrency, prompt, more, output):
    short, long = (_speed(model, "H200", concurrency, tokens, output) for tokens in (prompt, prompt + more))
    assume(not long.waits)
    assert long.tpot_ms >= short.tpot_ms
    assert long.prefill_ms >= short.prefill_ms


@given(MODELS, LENGTHS, LENGTHS)
def test_two_cards_lose_to_one_by_no_more_than_their_all_reduces(model, prompt, output):
    one, two = (_speed(model, "H200", 1, prompt, output, tensor_parallel=ranks) for ranks in (1, 2))
    all_reduces_ms = 2 * resolve_model(model).architecture.layers * speed_constants("vllm").all_reduce_s * 1000
    assert two.tpot_ms <= one.tpot_ms + 1.5 * all_reduces_ms


@given(MODELS, st.integers(1, 2048), LENGTHS, LENGTHS)
def test_tokens_a_second_are_what_the_requests_that_run_make_of_their_time(model, concurrency, prompt, output):
    found = _speed(model, "H100", concurrency, prompt, output)
    life_s = (found.prefill_ms + max(output - 1, 1) * found.tpot_ms) / 1000
    assert found.output_tokens_per_s == pytest.approx(found.running * output / life_s)
    assert 1 <= found.running <= concurrency


@pytest.mark.parametrize("gpu", [gpu for gpu in all_gpus() if gpu.vendor == "NVIDIA"], ids=lambda gpu: gpu.name)
def test_every_card_with_known_figures_has_a_speed(gpu):
    found = _speed("Qwen/Qwen2.5-0.5B-Instruct", gpu, max_num_seqs=8, gpu_memory_utilization=0.8, enforce_eager=True)
    is_known = gpu.bandwidth_gb_per_s and (gpu.bf16_tflops or gpu.fp16_tflops)
    is_served = is_known and float(gpu.compute_capability) >= 7.5
    assert (found is not None) == bool(is_served)
    assert found is None or 0 < found.output_tokens_per_s < 3000


def test_what_does_not_start_has_no_speed():
    assert _speed("qwen-14b", "RTX 4090") is None


def test_an_encoder_has_no_time_per_token():
    assert _speed("e5-large", "RTX 4090") is None


def test_a_bandwidth_that_was_measured_stands_in_for_the_nominal_one():
    model, card, options = resolve_model("llama-3.1-8b"), find_gpu("RTX 4090"), ServingOptions()
    asked = (model, card, options, Workload(concurrency=1, prompt_tokens=512, output_tokens=128))
    memory = estimate(model, card, options)
    nominal = estimate_speed(*asked, memory)
    as_usual, slower = Measured(memory_gb_per_s=0.9 * 1008), Measured(memory_gb_per_s=800)
    assert estimate_speed(*asked, memory, as_usual).tpot_ms == pytest.approx(nominal.tpot_ms)
    assert estimate_speed(*asked, memory, slower).tpot_ms > nominal.tpot_ms


def test_cards_in_narrow_slots_are_slower_together_and_no_slower_alone():
    model, card = resolve_model("qwen-14b"), find_gpu("RTX 3090")
    riser, slot = Measured(host_gb_per_s=0.8), Measured(host_gb_per_s=25.0)
    load = Workload(concurrency=1, prompt_tokens=1024, output_tokens=128)

    def speed(cards, measured):
        options = ServingOptions(tensor_parallel=cards, context_tokens=8192, quantization="fp8" if cards == 1 else None)
        return estimate_speed(model, card, options, load, estimate(model, card, options), measured)

    assert speed(4, riser).prefill_ms > 3 * speed(4, slot).prefill_ms
    assert speed(4, riser).tpot_ms > speed(4, slot).tpot_ms
    assert speed(1, riser) == speed(1, slot)


def test_cards_joined_by_nvlink_do_not_care_for_their_slots():
    a, b = (card_speed(find_gpu("H100 SXM"), Measured(host_gb_per_s=each)) for each in (0.8, 50.0))
    assert a == b


def test_four_bits_decode_faster_and_multiply_no_faster():
    plain, small = _speed("qwen-14b", "H100"), _speed("qwen-14b", "H100", quantization="awq")
    assert small.tpot_ms < 0.7 * plain.tpot_ms
    assert small.prefill_ms == pytest.approx(plain.prefill_ms, rel=0.02)


def test_eight_bits_multiply_faster_only_where_the_card_can():
    def gain(gpu):
        return _speed("qwen-14b", gpu).prefill_ms / _speed("qwen-14b", gpu, quantization="fp8").prefill_ms

    assert gain("H100") > 1.5
    assert gain("A100 SXM4 80GB") == pytest.approx(1.0, abs=0.05)


def test_a_mixture_reads_only_the_experts_it_touches():
    assert _speed("Qwen/Qwen3-30B-A3B", "H100").tpot_ms < 0.6 * _speed("qwen3-32b", "H100").tpot_ms


def test_a_window_keeps_long_prompts_cheap():
    def growth(model):
        return _speed(model, "H200", 16, 65536).tpot_ms / _speed(model, "H200", 16, 8192).tpot_ms

    assert growth("gpt-oss-20b") < growth("llama-3.1-8b")


def test_cards_without_a_switch_pay_for_their_links():
    card = find_gpu("A100 PCIe 80GB")
    switched = replace(card, name="A100 on a board")
    apart, joined = (_speed("llama-3.1-8b", each, tensor_parallel=2) for each in (card, switched))
    assert apart.tpot_ms > joined.tpot_ms
    assert apart.prefill_ms > joined.prefill_ms
    assert (apart.error_band_percent, joined.error_band_percent) == (60, 40)


def test_requests_beyond_the_cache_wait_and_bring_no_more_tokens():
    held, more = (_speed("qwen-14b", "A100 SXM4 40GB", count, 4096, 512) for count in (60, 600))
    assert more.waits
    assert more.running < 600
    assert more.output_tokens_per_s >= held.output_tokens_per_s


def test_cards_of_a_maker_that_nobody_measured_have_the_widest_band():
    assert _speed("qwen-14b", "MI300X").error_band_percent == 60


def test_running_eagerly_is_slower():
    assert _speed("llama-3.1-8b", "H100", enforce_eager=True).tpot_ms > _speed("llama-3.1-8b", "H100").tpot_ms


def test_an_engine_nobody_measured_has_no_speed():
    assert speed_constants("llama.cpp") is None


def test_the_json_has_the_names_of_the_contract():
    names = set(_speed("qwen-14b", "H100").as_json())
    assert names >= {
        *("concurrency", "prompt_tokens", "output_tokens", "prefill_ms", "tpot_ms"),
        *("output_tokens_per_s", "error_band_percent"),
    }


def test_lengths_that_are_not_asked_for_shrink_to_the_context():
    small = workload_for(None, None, None, 512, limit_is_given=True)
    assert (small.concurrency, small.tokens <= 512) == (1, True)
    assert workload_for(4, None, None, 8192, limit_is_given=False) == Workload(
        concurrency=4, prompt_tokens=1024, output_tokens=256
    )


@given(st.integers(1, 10**6), st.none() | st.integers(1, 10**6), st.none() | st.integers(1, 10**6))
def test_a_workload_fits_its_context_or_says_that_it_does_not(limit, prompt, output):
    if (prompt or 0) + (output or 0) + (not prompt) + (not output) > limit and (prompt or output):
        with pytest.raises(UsageError, match=str(limit)):
            workload_for(None, prompt, output, limit, limit_is_given=True)
    else:
        assert workload_for(None, prompt, output, limit, limit_is_given=True).tokens <= max(limit, 2)


def test_formats_that_this_page_does_not_know_are_read_like_a_mix_of_five_bits():
    assert format_speed("q5_k_s", 2).linear_bytes == pytest.approx(5 / 8)
