"""What a measurement makes of endpoints that behave, and of those that do not."""

import _thread
import json
import threading
import time
from decimal import Decimal

import pytest
from known_server import KnownServer

from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import BadAnswerError, NotFoundError, RefusedKeyError, UnreachableError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.moving.bench.endpoint import Form, base_url, form_of
from cloudgpu.moving.bench.measure import STOPPED, measure
from cloudgpu.moving.bench.question import QUESTIONS
from cloudgpu.moving.bench.remarks import remarks
from cloudgpu.moving.bench.report import report_of
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.sample import Trouble
from cloudgpu.moving.bench.saved import read_run, save_run
from cloudgpu.moving.bench.workload import Workload

SMALL = Workload(iterations=1, users=(1, 3), turns=1, per_user=2, warm_up=1, limit_s=60.0, mark="t")


def run_of(server: KnownServer, workload: Workload = SMALL, **changes) -> Run:
    return measure([server.endpoint(**changes)], workload, SystemClock())[0]


def test_the_workload_is_four_kinds_three_times_and_then_one_ten_and_twenty_users():
    workload = Workload()
    assert len({question.kind for question in QUESTIONS}) == 4
    assert [users for users, _ in workload.rounds()] == [0, 0, 0, 1, 1, 1, 10, 10, 10, 20, 20, 20]
    assert workload.requests() == 12 + 3 * 2 * (1 + 10 + 20)


def test_no_two_prompts_of_a_run_begin_alike_so_that_no_cache_answers():
    workload = Workload()
    texts = [q.text for users, turn in workload.rounds() for user in workload.asked(users, turn) for _, q in user]
    assert len({text.split("]")[0] for text in texts}) == len(texts)


def test_warm_up_questions_are_asked_and_left_out():
    with KnownServer() as server:
        run = run_of(server)
    assert len(server.asked) == len(run.samples) + 1


def test_tokens_come_from_the_usage_and_not_from_the_number_of_pieces():
    with KnownServer(tokens=5) as server:
        server.reasoning = 0
        run = run_of(server)
    assert {sample.output_tokens for sample in run.samples} == {5}
    assert {sample.prompt_tokens for sample in run.samples} == {7}
    assert all(body["stream_options"] == {"include_usage": True} for body in server.asked)


def test_a_server_that_counts_nothing_leaves_tokens_unknown_unless_pieces_shall_count():
    with KnownServer(mood="counts nothing") as server:
        run = run_of(server)
        counted = run_of(server, Workload(iterations=1, users=(), count_pieces=True))
    assert {sample.output_tokens for sample in run.samples} == {None}
    assert any("counts no tokens" in line for line in remarks(run))
    assert {sample.output_tokens for sample in counted.samples} == {5}


def test_thoughts_count_as_first_token_and_the_first_answer_is_told_apart():
    with KnownServer(tokens=3, reasoning=3, gap_s=0.01) as server:
        run = run_of(server, Workload(iterations=1, users=()))
    sample = run.samples[0]
    assert sample.reasoning.split() == ["hm"] * 3
    assert sample.ttft_s < sample.answer_s
    assert sample.output_tokens == 6


@pytest.mark.parametrize("form", list(Form))
def test_each_form_is_asked_at_its_own_path_and_understood(form):
    with KnownServer() as server:
        run = run_of(server, form=form)
    assert not [sample.detail for sample in run.samples if sample.trouble]
    assert {body["path"] for body in server.asked} == {
        {"chat": "/v1/chat/completions", "completions": "/v1/completions", "app": "/chat"}[form.value]
    }
    assert run.samples[0].text.split() == ["word"] * 5


def test_a_plain_json_answer_of_an_application_is_timed_as_a_whole():
    with KnownServer(mood="app") as server:
        run = run_of(server, form=Form.APP)
    assert {(sample.text, sample.ttft_s) for sample in run.samples} == {("a plain answer", None)}


def test_an_endpoint_that_never_streams_is_told_and_still_timed():
    with KnownServer(mood="never streams") as server:
        run = run_of(server)
    assert all(sample.ttft_s is None and sample.e2el_s > 0 for sample in run.samples)
    assert any("never streams" in line for line in remarks(run))
    assert report_of(run)["levels"][0]["mean_ttft_ms"] is None


@pytest.mark.parametrize(
    ("mood", "trouble"),
    [
        ("dies", Trouble.CUT_OFF),
        ("error inside", Trouble.SERVER_ERROR),
        ("500", Trouble.SERVER_ERROR),
        ("503", Trouble.OVERLOADED),
        ("400", Trouble.BAD_REQUEST),
        ("garbage", Trouble.UNREADABLE),
    ],
)
def test_each_failure_has_its_class(mood, trouble):
    with KnownServer() as server:
        endpoint = server.endpoint()
        workload = Workload(iterations=1, users=(), warm_up=1)
        spoil = lambda *_: setattr(server, "mood", mood)  # noqa: E731 - after the first question
        run = measure([endpoint], workload, SystemClock(), spoil)[0]
    assert {sample.trouble for sample in run.samples} == {trouble}
    assert report_of(run)["levels"][0]["errors_by_class"] == {trouble.value: 4}


def test_a_user_keeps_its_connection_so_that_no_handshake_is_timed():
    with KnownServer() as server:
        run_of(server, Workload(iterations=0, users=(2,), turns=1, per_user=5, warm_up=0))
    assert len(server.asked) == 10
    assert server.connections == 2


def test_an_answer_that_never_comes_ends_with_the_time_limit():
    with KnownServer(mood="hangs") as server:
        run = run_of(server, Workload(iterations=0, users=(1,), turns=1, per_user=1, limit_s=0.5, warm_up=0))
    assert run.samples[0].trouble is Trouble.TIMEOUT
    assert run.samples[0].e2el_s < 60


def test_a_wrong_key_is_told_before_anything_is_measured():
    with KnownServer() as server, pytest.raises(RefusedKeyError):
        run_of(server, api_key=Secret("wrong"))


def test_a_model_that_is_not_served_is_told_before_anything_is_measured():
    with KnownServer(mood="404") as server, pytest.raises(NotFoundError) as caught:
        run_of(server)
    assert "status 404 it is" in caught.value.message


def test_an_engine_that_fails_from_the_start_is_told_in_its_own_words():
    with KnownServer(mood="500") as server, pytest.raises(BadAnswerError) as caught:
        run_of(server)
    assert "status 500 it is" in caught.value.message


def test_nobody_there_is_told_at_once():
    with KnownServer() as server:
        endpoint = server.endpoint()
    with pytest.raises(UnreachableError):
        measure([endpoint], SMALL, SystemClock())


def test_an_endpoint_that_dies_is_left_alone_and_what_was_measured_is_kept():
    with KnownServer(fail_after=6) as server:
        run = run_of(server, Workload(iterations=10, users=(20,), warm_up=1))
    assert "left alone after 6 failures in a row" in run.ended
    assert sum(sample.trouble is None for sample in run.samples) == 5
    assert len(run.samples) < 20
    assert remarks(run)[0].startswith("Left alone")


def test_an_endpoint_that_hangs_is_left_alone_after_two_answers_that_never_came():
    with KnownServer(mood="hangs") as server:
        run = run_of(server, Workload(iterations=10, users=(), limit_s=0.5, warm_up=0))
    assert [sample.trouble for sample in run.samples] == [Trouble.TIMEOUT] * 2
    assert "left alone" in run.ended


def test_when_one_side_dies_the_other_is_not_asked_for_nothing():
    with KnownServer() as one, KnownServer(fail_after=4) as other:
        workload = Workload(iterations=20, users=(20,), warm_up=1)
        runs = measure([one.endpoint(name="a"), other.endpoint(name="b")], workload, SystemClock())
    assert runs[0].ended is None
    assert "left alone" in runs[1].ended
    assert len(runs[0].samples) <= 12


def test_ctrl_c_keeps_what_was_measured(monkeypatch):
    with KnownServer(ttft_s=0.05) as server:
        presses = threading.Thread(target=_ctrl_c_once_asked, args=(server, 6))
        presses.start()
        run = run_of(server, Workload(iterations=100, users=(), warm_up=1))
        presses.join()
    assert run.ended == STOPPED
    assert 1 <= len(run.samples) < 400
    assert all(sample.trouble is None for sample in run.samples)


def test_two_endpoints_take_turns_and_are_asked_the_same():
    with KnownServer() as one, KnownServer() as other:
        order = []
        runs = measure([one.endpoint(name="a"), other.endpoint(name="b")], SMALL, SystemClock(),
                       lambda name, users, _: order.append((users, name)))  # fmt: skip
    assert order == [(0, "a"), (0, "b"), (1, "b"), (1, "a"), (3, "a"), (3, "b")]
    texts = [sorted(body["messages"][-1]["content"] for body in server.asked) for server in (one, other)]
    assert texts[0] == texts[1]
    assert [sample.place for sample in runs[0].samples] == [sample.place for sample in runs[1].samples]


def test_a_saved_run_is_read_back_as_it_was(tmp_path):
    with KnownServer(reasoning=1) as server:
        run = run_of(server, usd_per_hour=Decimal("0.34"))
    save_run(run, tmp_path / "run.json")
    assert read_run(tmp_path / "run.json") == run


def test_the_json_has_the_key_names_of_vllm_bench_serve():
    with KnownServer() as server:
        run = run_of(server, usd_per_hour=Decimal("0.34"))
    level = report_of(run, with_samples=True)["levels"][0]
    spreads = {
        f"{head}_{name}_ms" for head in ("mean", "median", "std", "p99") for name in ("ttft", "tpot", "itl", "e2el")
    }
    totals = {
        "duration", "completed", "failed", "total_input_tokens", "total_output_tokens", "request_throughput",
        "request_goodput", "output_throughput", "total_token_throughput", "input_lens", "output_lens", "ttfts", "itls",
        "start_times", "generated_texts", "errors", "num_prompts", "max_concurrency", "request_rate",
    }  # fmt: skip
    assert spreads | totals <= set(level)
    assert json.dumps(level)
    assert Decimal(level["usd_per_million_output_tokens"]) > 0


@pytest.mark.parametrize(
    ("given", "url", "form"),
    [
        ("http://h:8000", "http://h:8000", Form.CHAT),
        ("http://h:8000/v1/", "http://h:8000", Form.CHAT),
        ("https://h/v1/chat/completions", "https://h", Form.CHAT),
        ("http://h:8000/v1/completions", "http://h:8000", Form.COMPLETIONS),
        ("http://h:8000/chat", "http://h:8000", Form.APP),
        ("https://h/tenant/v1", "https://h/tenant", Form.CHAT),
    ],
)
def test_an_address_is_understood_however_it_was_copied(given, url, form):
    assert (base_url(given), form_of(given)) == (url, form)


def test_what_is_no_address_is_refused():
    with pytest.raises(UsageError):
        base_url("ftp://h")


def _ctrl_c_once_asked(server: KnownServer, times: int) -> None:
    while len(server.asked) < times:
        time.sleep(0.01)
    _thread.interrupt_main()
