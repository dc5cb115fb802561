"""What engines count goes into the journal: now and then, at once after a restart, and before an end."""

from decimal import Decimal

import pytest

from cloudgpu.base.errors import StoreError
from cloudgpu.base.events import EventKind
from cloudgpu.emulator.engine_rig import EngineRig
from cloudgpu.running.deployment.vitals import note_work, take_vitals
from cloudgpu.running.health import Health
from cloudgpu.running.work import Cache, Tokens, Work, read_work, work_in

VLLM = """
vllm:num_requests_running{engine="0",model_name="m"} 2.0
vllm:num_requests_running{engine="1",model_name="m"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.5
vllm:prompt_tokens_total{engine="0",model_name="m"} 1.5e+03
vllm:generation_tokens_total{engine="0",model_name="m"} 700.0
vllm:generation_tokens_total{engine="1",model_name="m"} 300.0
vllm:generation_tokens_created{engine="0",model_name="m"} 1.767e+09
vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="0",num_gpu_blocks="1000"} 1.0
process_start_time_seconds 1.7669e+09
"""
SGLANG = """
sglang:num_running_reqs{model_name="m"} 0.0
sglang:prompt_tokens_total{model_name="m"} 10.0
sglang:generation_tokens_total{model_name="m"} 20.0
sglang:token_usage{model_name="m"} 0.03
sglang:max_total_num_tokens{model_name="m"} 5000.0
"""
LLAMA_CPP = """
llamacpp:requests_processing 1
llamacpp:prompt_tokens_total 7
llamacpp:tokens_predicted_total 9
llamacpp:kv_cache_usage_ratio 1e-2
"""


@pytest.mark.parametrize(
    ("page", "tokens", "cache"),
    [
        (VLLM, Tokens(prompt=1500, generation=1000, run="1767000000"), Cache(share=Decimal("0.5"), tokens=16000)),
        (SGLANG, Tokens(prompt=10, generation=20), Cache(share=Decimal("0.03"), tokens=5000)),
        (LLAMA_CPP, Tokens(prompt=7, generation=9), Cache(share=Decimal("0.01"))),
    ],
    ids=["vLLM", "SGLang", "llama.cpp"],
)
def test_tokens_and_cache_are_read_from_each_engines_page(page, tokens, cache):
    work = work_in(page)
    assert (work.tokens, work.cache) == (tokens, cache)


def test_an_engine_that_runs_is_asked_without_a_key_and_one_that_is_gone_tells_nothing():
    with EngineRig(api_key="sk-x") as engine:
        engine.counters.prompt_tokens, engine.counters.generation_tokens = 7, 9
        told = read_work(engine.url)
    assert (told.tokens, told.cache) == (Tokens(prompt=7, generation=9), Cache(share=Decimal(0)))
    assert read_work(engine.url) is None


class Engine:
    def __init__(self):
        self.prompt, self.generation, self.run, self.share = 0, 0, "1", Decimal("0.1")

    def __call__(self, _endpoint):
        tokens = Tokens(prompt=self.prompt, generation=self.generation, run=self.run)
        return Work(now=1, tokens=tokens, cache=Cache(share=self.share))


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def look(desk, engine):
    def take(deployment):
        ready = Health(ready=True, phase="", detail="")
        return take_vitals(deployment, desk.store, desk.clock, desk.store.append, prober=lambda *_: ready, read=engine)

    return take


def told(desk):
    return [event.data for event in desk.store.events() if event.kind is EventKind.WORKED]


def test_a_reading_is_written_down_every_few_minutes_with_the_fullest_moment_between(desk, engine, look):
    deployment = look(desk.up())
    for share, minute in (("0.2", 1), ("0.9", 2), ("0.3", 2)):
        engine.share, engine.generation = Decimal(share), engine.generation + 100
        desk.wait(minute * 60)
        deployment = look(deployment)
    assert [(each["generation_tokens"], each["kv_peak"]) for each in told(desk)] == [(0, "0.1"), (300, "0.9")]


@pytest.mark.parametrize("anew", [{"run": "2"}, {"generation": 5}], ids=["another run", "fewer tokens"])
def test_a_restart_is_written_down_at_once(desk, engine, look, anew):
    engine.generation = 1000
    deployment = look(desk.up())
    vars(engine).update(anew)
    desk.wait(1)
    look(deployment)
    assert told(desk)[-1]["restarted"] is True


def test_before_an_end_the_counters_are_written_down_whatever_was_told_last(desk, engine, look):
    deployment = look(desk.up())
    engine.generation = 7
    desk.wait(1)
    note_work(deployment, desk.store, desk.clock, desk.store.append, read=engine)
    assert [each["generation_tokens"] for each in told(desk)] == [0, 7]


def test_a_journal_that_takes_nothing_keeps_no_end_waiting(desk, engine):
    def full(_event):
        raise StoreError("the disk is full")

    deployment = desk.up()
    assert note_work(deployment, desk.store, desk.clock, full, read=engine) == deployment


def test_an_engine_that_tells_no_tokens_leaves_no_trace(desk):
    deployment = desk.up()
    assert note_work(deployment, desk.store, desk.clock, desk.store.append, read=lambda _: None) == deployment
    assert told(desk) == []


def test_a_reading_survives_the_journal(desk, look):
    deployment = look(desk.up())
    assert desk.store.life(deployment.token).engine == deployment.engine
