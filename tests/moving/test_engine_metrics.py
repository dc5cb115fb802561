"""The engine's own counters, as vLLM tells them: over all its processes, and nothing where it tells nothing."""

import pytest
import responses

from cloudgpu.emulator.engine_rig import EngineRig
from cloudgpu.moving.bench.endpoint import Endpoint
from cloudgpu.moving.bench.measure import warm_up
from cloudgpu.moving.bench.workload import Workload
from cloudgpu.moving.engine_metrics import FirstTokens, first_tokens

URL = "http://203.0.113.7:41000"
TWO_PROCESSES = """# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.25",model_name="m"} 3.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="m"} 4.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="m"} 4.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="m"} 1.5
vllm:time_to_first_token_seconds_bucket{engine="1",le="0.25",model_name="m"} 1.0
vllm:time_to_first_token_seconds_bucket{engine="1",le="+Inf",model_name="m"} 1.0
vllm:time_to_first_token_seconds_count{engine="1",model_name="m"} 1.0
vllm:time_to_first_token_seconds_sum{engine="1",model_name="m"} 0.5
vllm:time_to_first_token_seconds_created{engine="0",model_name="m"} 1.7e+09
"""


@responses.activate
def test_all_processes_of_an_engine_count_together():
    responses.get(f"{URL}/metrics", body=TWO_PROCESSES)
    assert first_tokens(URL) == FirstTokens(count=5, total_s=2.0, within={0.25: 4})


@responses.activate
@pytest.mark.parametrize("answer", [
    {"status": 404}, {"body": ""}, {"body": TWO_PROCESSES.replace(" 4.0", " NaN")}, {"body": "\x00\xff{}"},
    {"body": TWO_PROCESSES.replace(" 1.5", " much")},
])  # fmt: skip
def test_what_is_told_in_no_number_counts_as_nothing(answer):
    responses.get(f"{URL}/metrics", **answer)
    assert first_tokens(URL) == FirstTokens()


def test_the_emulated_engine_counts_as_vllm_does():
    with EngineRig(model="org/model", ttft_s=0.02, tokens_per_s=1000) as engine:
        warm_up(Endpoint(name="e", url=engine.url, model="org/model"), Workload(warm_up=3))
        seen = first_tokens(engine.url)
    assert (seen.count, seen.within[0.02], seen.within[0.01]) == (3, 3, 0)
    assert seen.total_s == pytest.approx(0.06)
