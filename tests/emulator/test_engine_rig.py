"""A model server whose timing is known: what a client measures is what was set, and what was broken is broken."""

import asyncio
import json
import statistics
import time

import pytest
import requests

from cloudgpu.emulator.engine_rig import EngineRig

TTFT_S, TOKENS_PER_S, STREAMS, TOKENS = 0.2, 100.0, 20, 60


@pytest.fixture
def engine():
    with EngineRig(ttft_s=0.0, tokens_per_s=10_000) as running:
        yield running


def ask(engine, *, stream=False, **more):
    body = {"messages": [{"role": "user", "content": "Why are rents so high?"}], "stream": stream, **more}
    return requests.post(f"{engine.url}/v1/chat/completions", json=body, timeout=30, stream=stream)


def texts(answer):
    events = [line[6:] for line in answer.iter_lines() if line.startswith(b"data: ") and line != b"data: [DONE]"]
    found = [json.loads(event)["choices"] for event in events]
    return [choices[0]["delta"]["content"] for choices in found if choices and choices[0]["delta"].get("content")]


@pytest.mark.slow
@pytest.mark.alone
def test_twenty_streams_are_as_fast_as_was_set_to_five_per_cent_or_two_milliseconds():
    """A machine that is busy with something else delays server and client alike: one attempt in minutes must hold."""
    with EngineRig(ttft_s=TTFT_S, tokens_per_s=TOKENS_PER_S) as engine:
        port = int(engine.url.rpartition(":")[2])
        asyncio.run(_streamed(port))  # every code path is warm
        measured, over_at_s = [], time.monotonic() + 300
        while not any(map(_holds, measured)) and time.monotonic() < over_at_s:
            measured.append(_medians(asyncio.run(_all(port))))
    assert all(ttft_s >= TTFT_S for ttft_s, _ in measured)
    assert any(map(_holds, measured)), measured


def _holds(measured):
    ttft_s, tpot_s = measured
    return abs(tpot_s - 1 / TOKENS_PER_S) <= 0.05 / TOKENS_PER_S and ttft_s <= TTFT_S * 1.05


def _medians(arrivals):
    """TTFT and TPOT in seconds."""
    assert {len(times) for times in arrivals} == {TOKENS}
    ttft_s = statistics.median(times[0] for times in arrivals)
    return ttft_s, statistics.median((times[-1] - times[0]) / (len(times) - 1) for times in arrivals)


async def _all(port):
    return await asyncio.gather(*(_streamed(port) for _ in range(STREAMS)))


async def _streamed(port):
    """Seconds from the request to each token, read off the socket with nothing in between."""
    body = json.dumps({
        "messages": [{"role": "user", "content": "x"}], "stream": True, "max_tokens": TOKENS, "ignore_eos": True,
    }).encode()  # fmt: skip
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began, times = time.perf_counter(), []
    writer.write(head + body)
    while True:
        line = await reader.readline()
        if b'"content": "' in line and b'"content": ""' not in line:
            times.append(time.perf_counter() - began)
        if b"[DONE]" in line:
            break
    writer.close()
    await writer.wait_closed()
    return times


def test_as_many_tokens_come_as_a_bench_asks_for_and_the_usage_says_so(engine):
    answer = ask(engine, max_tokens=300, ignore_eos=True).json()
    assert (answer["usage"]["completion_tokens"], answer["choices"][0]["finish_reason"]) == (300, "length")
    assert ask(engine, max_tokens=300, min_tokens=40).json()["usage"]["completion_tokens"] >= 40
    streamed = ask(engine, stream=True, max_tokens=7, ignore_eos=True, stream_options={"include_usage": True})
    events = [json.loads(line[6:]) for line in streamed.iter_lines() if line[6:].startswith(b"{")]
    assert events[-1]["usage"]["completion_tokens"] == 7
    assert [event.get("usage") for event in events[:-1]] == [None] * (len(events) - 1)


def test_usage_can_be_told_with_every_token(engine):
    options = {"continuous_usage_stats": True, "include_usage": True}
    streamed = ask(engine, stream=True, max_tokens=4, ignore_eos=True, stream_options=options)
    counts = [
        json.loads(line[6:])["usage"]["completion_tokens"] for line in streamed.iter_lines() if b'"usage"' in line
    ]
    assert counts == [1, 2, 3, 4, 4]


def test_garbage_is_the_same_token_again_and_again(engine):
    engine.fault("garbage")
    assert set(ask(engine).json()["choices"][0]["message"]["content"]) == {"!"}
    assert set(ask(engine).json()["choices"][0]["message"]["content"]) != {"!"}


def test_a_pace_lasts_until_it_is_cleared(engine):
    engine.fault("pace", ttft_s=0.5, tokens_per_s=1000)
    assert min(_seconds(engine) for _ in range(2)) >= 0.5
    engine.clear_faults()
    assert min(_seconds(engine) for _ in range(10)) < 0.5


def _seconds(engine):
    began = time.perf_counter()
    ask(engine, max_tokens=1)
    return time.perf_counter() - began


@pytest.mark.parametrize("stream", [True, False])
def test_an_engine_that_dies_in_an_answer_is_gone(engine, stream):
    engine.fault("dies_mid_stream", tokens=3)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        texts(ask(engine, stream=stream, max_tokens=50, ignore_eos=True))
    engine._thread.join(60)
    with pytest.raises(requests.ConnectionError):
        ask(engine)


def test_a_stream_shows_what_came_before_the_death(engine):
    engine.fault("dies_mid_stream", tokens=3)
    answer, came = ask(engine, stream=True, max_tokens=50, ignore_eos=True), []
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        came.extend(each for each in answer.iter_content(1))
    assert b"".join(came).count(b'"content": "') == 1 + 3  # the role with an empty text, and three tokens


@pytest.mark.parametrize("status", ["500", "503"])
def test_an_engine_and_its_health_can_answer_with_an_error(engine, status):
    engine.fault(status)
    engine.fault(status, on="health")
    assert ask(engine).status_code == int(status)
    assert requests.get(f"{engine.url}/health", timeout=30).status_code == int(status)
    assert ask(engine).status_code == requests.get(f"{engine.url}/health", timeout=30).status_code == 200


def test_a_client_that_leaves_ends_its_stream(engine):
    engine.fault("pace", ttft_s=0.0, tokens_per_s=50)
    with ask(engine, stream=True, max_tokens=5000, ignore_eos=True) as answer:
        parts = answer.iter_content(1)  # kept: a stream whose reader is forgotten is left
        next(parts)
        _wait_until(lambda: engine.counters.running == 1)
    _wait_until(lambda: engine.counters.running == 0)


def _wait_until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_wants_its_key_when_it_has_one():
    with EngineRig(api_key="sk-engine") as engine:
        assert ask(engine).status_code == 401
        headers = {"Authorization": "Bearer sk-engine"}
        assert requests.get(f"{engine.url}/v1/models", headers=headers, timeout=30).status_code == 200
