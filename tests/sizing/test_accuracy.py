"""The estimate against real starts of the engine: weights, cache, refusals. The bounds are the errors seen, rounded up.

The starts with random weights calibrated the activation peak, the graphs and the CUDA context (in sample). The public
logs set one constant, the 14 bytes a logit of the older runner, and are otherwise out of sample.
"""

import json
from pathlib import Path

import pytest

from cloudgpu.sizing.cases import estimate_case
from cloudgpu.sizing.memory.overhead import cuda_context_gib

STARTS = [json.loads(line) for line in (Path(__file__).parent / "data/starts.jsonl").read_text().splitlines()]
MEASURED = [start for start in STARTS if "measured" in start["source"]]
LOGGED = [start for start in STARTS if "measured" not in start["source"]]


def _seen(starts, figure):
    return [pytest.param(start, id=start["id"]) for start in starts if figure in start["seen"]]


@pytest.mark.parametrize("start", _seen(STARTS, "weights_gib"))
def test_weights_are_within_1_1_percent_in_16_bit_and_1_8_percent_quantised(start):
    found = estimate_case(start)
    bound = 0.018 if found.quantization else 0.011
    assert found.weights_gib == pytest.approx(start["seen"]["weights_gib"], rel=bound)


@pytest.mark.parametrize("start", _seen(MEASURED, "kv_cache_gib"))
def test_the_cache_of_a_measured_start_is_within_0_17_gib(start):
    assert estimate_case(start).kv_cache_gib == pytest.approx(start["seen"]["kv_cache_gib"], abs=0.175)


@pytest.mark.parametrize("start", _seen(MEASURED, "activation_peak_gib"))
def test_the_activation_peak_of_a_measured_start_is_within_0_06_gib(start):
    assert estimate_case(start).activation_peak_gib == pytest.approx(start["seen"]["activation_peak_gib"], abs=0.06)


@pytest.mark.parametrize("start", _seen(MEASURED, "cuda_graph_gib"))
def test_the_graphs_of_a_measured_start_are_within_0_3_gib(start):
    assert estimate_case(start).cuda_graph_gib == pytest.approx(start["seen"]["cuda_graph_gib"], abs=0.3)


@pytest.mark.parametrize("start", _seen(LOGGED, "kv_cache_gib"))
def test_the_cache_of_a_logged_start_is_within_4_2_percent(start):
    assert estimate_case(start).kv_cache_gib == pytest.approx(start["seen"]["kv_cache_gib"], rel=0.042)


@pytest.mark.parametrize("start", _seen(STARTS, "kv_cache_tokens"))
def test_tokens_are_within_4_2_percent(start):
    assert estimate_case(start).kv_cache_tokens == pytest.approx(start["seen"]["kv_cache_tokens"], rel=0.042)


@pytest.mark.parametrize("start", _seen(STARTS, "kv_cache_gib"))
def test_the_error_lies_within_the_band_that_was_stated(start):
    found = estimate_case(start)
    assert abs(found.kv_cache_gib - start["seen"]["kv_cache_gib"]) < found.error_band_gib


@pytest.mark.parametrize("start", _seen(STARTS, "refused_for_cache"))
def test_a_start_that_was_refused_for_its_cache_is_refused_here(start):
    found = estimate_case(start)
    assert (found.starts, found.refusal) == (False, "kv_cache")
    assert found.longest_context == pytest.approx(start["seen"]["longest_context"], rel=0.025)
    assert "estimated maximum model length" in (found.refusal_text or "")


@pytest.mark.parametrize("start", _seen(STARTS, "kv_cache_tokens"))
def test_a_start_that_went_well_starts_here(start):
    assert estimate_case(start).starts


def test_tokens_follow_exactly_from_the_logged_cache_of_models_with_windows():
    """Gemma-4-31B on a B300: 182.37 GiB logged, 217,116 tokens logged."""
    start = next(start for start in STARTS if start["id"] == "gemma-4-31b-b300")
    found = estimate_case(start)
    assert found.kv_cache_tokens / found.kv_cache_gib == pytest.approx(217116 / 182.37, rel=1e-3)


def test_every_start_says_where_it_was_seen():
    assert all(start["source"] for start in STARTS)


@pytest.mark.parametrize(
    ("total_gib", "gpus", "logged_gib"), [(15.51, 1, 0.23), (79.18, 1, 0.52), (94.97, 1, 0.56), (139.8, 2, 1.53)]
)
def test_the_cuda_context_is_what_was_gone_before_the_engine_began(total_gib, gpus, logged_gib):
    assert cuda_context_gib(total_gib, gpus) == pytest.approx(logged_gib, abs=0.05)
