"""Leases and idleness: what is over is said, what was asked to end ends, and what nobody knows is called unknown."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from cloudgpu.cli import lease as lease_command
from cloudgpu.cli import session
from cloudgpu.running.deployment import DeploymentState, Limits
from cloudgpu.running.deployment.lease import ends_now, over, set_lease
from cloudgpu.running.deployment.vitals import note_work, silence, take_vitals
from cloudgpu.running.health import Health
from cloudgpu.running.label import new_token
from cloudgpu.running.sweep import Why, sweep
from cloudgpu.running.token_count import TokenCount
from cloudgpu.running.work import Tokens, Work, work_in

PAGE = """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting{engine="0",model_name="m"} 1.0
vllm:prompt_tokens_total{engine="0",model_name="m"} 1.5e+03
vllm:generation_tokens_total{engine="0",model_name="m"} 10
vllm:request_success_total{engine="0",finished_reason="stop"} 7
vllm:request_success_total{engine="0",finished_reason="length"} 3
python_gc_objects_collected_total{generation="0"} 999
"""


class Engine:
    """Counters that a test moves, and answers that it may withhold."""

    def __init__(self):
        self.done, self.now, self.tells, self.answers, self.asked, self.late = 100, 0, True, True, 0, 0

    def read(self, _endpoint):
        tokens = Tokens(prompt=0, generation=self.done)
        self.done, self.late = self.done + self.late, 0
        return Work(now=self.now, tokens=tokens) if self.tells else None

    def prober(self, *_):
        self.asked += 1
        self.done += 1  # a question of our own is counted by the engine too
        return Health(ready=self.answers, phase="", detail="", took=TokenCount(generation=1))


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def look(desk, engine):
    def take(deployment):
        return take_vitals(
            deployment, desk.store, desk.clock, desk.store.append, prober=engine.prober, read=engine.read
        )

    return take


def test_requests_and_counters_are_read_from_the_engines_page():
    assert work_in(PAGE) == Work(now=3, tokens=Tokens(prompt=1500, generation=10))


@pytest.mark.parametrize("page", ["", "<html>502</html>", "vllm:num_requests_running 0", "vllm:prompt_tokens_total 5",
                                  "vllm:num_requests_running 0\nvllm:prompt_tokens_total 5"])  # fmt: skip
def test_half_a_page_proves_no_idleness(page):
    assert work_in(page) is None


def test_an_engine_that_only_we_ask_is_idle(desk, engine, look):
    deployment = look(desk.up())
    began = desk.clock.now()
    for _ in range(4):
        desk.wait(600)
        deployment = look(deployment)
    assert deployment.idle_since == began
    assert engine.asked > 0


def test_a_counter_that_lags_behind_its_own_answer_does_not_make_our_question_work(desk, engine, look, monkeypatch):
    deployment = look(desk.up())
    began = desk.clock.now()

    def late(*_):
        engine.late += 1  # counted only after the next time that the page is read
        return Health(ready=True, phase="", detail="", took=TokenCount(generation=1))

    monkeypatch.setattr(engine, "prober", late)
    for _ in range(4):
        desk.wait(600)
        deployment = look(deployment)
    assert (deployment.idle_since, deployment.engine.served.generation) == (began, 100)


def test_idleness_begins_with_the_first_of_all_readings_that_agree_whoever_took_them(desk, engine, look):
    deployment = desk.up()
    began = desk.clock.now()
    for _ in range(3):
        note_work(deployment, desk.store, desk.clock, desk.store.append, read=engine.read)
        desk.wait(3600)
    told = look(deployment).engine
    assert (told.still_since, told.known_since, told.still_readings, told.still_s) == (began, began, 4, 3 * 3600 + 0)


def test_what_the_engine_did_before_a_restart_proves_nothing_of_the_time_after(desk, engine, look):
    deployment = look(desk.up())
    desk.wait(3600)
    engine.done = 0
    deployment = look(deployment)
    assert deployment.engine.known_since == desk.clock.now()
    assert deployment.idle_since is None


def test_work_ends_idleness_and_stands_for_an_answer(desk, engine, look):
    deployment = look(look(desk.up()))
    asked = engine.asked
    desk.wait(600)
    engine.done += 50
    deployment = look(deployment)
    assert deployment.idle_since is None
    assert engine.asked == asked


def test_an_engine_that_tells_nothing_is_not_called_idle(desk, engine, look):
    engine.tells = False
    deployment = look(desk.up())
    desk.wait(86400)
    assert look(deployment).idle_since is None


def test_three_silent_looks_count_and_one_answer_starts_anew(desk, engine, look):
    engine.tells = engine.answers = False
    deployment = desk.up()
    told = []
    for _ in range(3):
        deployment = look(deployment)
        told.append(silence(deployment))
    assert told == [
        "it did not answer (1 of 3)",
        "it did not answer (2 of 3)",
        "it did not answer (3 of 3: it is down)",
    ]
    engine.answers = True
    assert silence(look(deployment)) is None


def test_what_was_asked_to_end_ends_and_what_was_not_is_only_said(desk):
    asked = desk.up("asked", limits=Limits(lease_s=3600, ends_by_itself=True))
    other = desk.up("other", limits=Limits(lease_s=3600))
    later = desk.clock.now() + timedelta(hours=2)
    assert "lease is over" in ends_now(asked, later)
    assert ends_now(other, later) is None
    assert "lease is over" in over(other, later)


def test_idleness_ends_what_was_given_a_limit_for_it(desk, look):
    deployment = look(desk.up(limits=Limits(idle_stop_s=1800)))
    assert ends_now(deployment, desk.clock.now()) is None
    for minutes, ends in ((29, False), (1, True)):
        desk.wait(minutes * 60)
        deployment = look(deployment)
        assert bool(ends_now(deployment, desk.clock.now())) is ends
    assert "30 minutes" in ends_now(deployment, desk.clock.now())


def test_what_was_not_read_since_is_not_counted_as_idle(desk, look):
    deployment = look(look(desk.up(limits=Limits(idle_stop_s=1800))))
    desk.wait(86400)
    assert ends_now(deployment, desk.clock.now()) is None


def test_a_mark_from_a_clock_that_was_ahead_ends_nothing(desk, look):
    deployment = desk.up(limits=Limits(idle_stop_s=1800))
    desk.wait(86400)
    deployment = look(deployment)
    desk.clock.time -= timedelta(days=1)
    assert ends_now(look(deployment), desk.clock.now()) is None


def test_a_lease_can_be_made_longer_than_the_label_says(desk):
    deployment = desk.up(limits=Limits(lease_s=3600, ends_by_itself=True))
    set_lease(deployment, desk.store, desk.clock, ttl_s=7200)
    desk.wait(5400)
    assert sweep(desk.provider, desk.store, desk.clock.now()) == []
    desk.wait(3600)
    assert [each.why for each in sweep(desk.provider, desk.store, desk.clock.now())] == [Why.EXPIRED]


def test_what_a_killed_race_left_is_found_as_spare(desk, make_offer):
    first = desk.up()
    desk.provider.offers["9"] = make_offer(9)
    token = new_token(desk.store.store_id, "mistral", desk.clock.now() + timedelta(hours=1))
    number = desk.provider.create(make_offer(9), None, token)
    twin = replace(first, token=token, instance_id=number, ready_at=None, state=DeploymentState.LOADING)
    desk.store.save_deployment(twin)
    (finding,) = sweep(desk.provider, desk.store, desk.clock.now())
    assert (finding.why, finding.view.instance_id, finding.is_orphan) == (Why.SPARE, number, True)


@pytest.mark.parametrize(("ttl", "warned"), [("20h", False), ("48h", True)])
def test_a_lease_beyond_the_timer_inside_says_which_of_them_comes_first(desk, monkeypatch, capsys, ttl, warned):
    monkeypatch.setenv("COLUMNS", "200")
    made = SimpleNamespace(store=desk.store, clock=lambda name: desk.clock)
    monkeypatch.setattr(session, "open_session", lambda: made)
    desk.up(limits=Limits(dead_man_s=24 * 3600.0))
    lease_command.lease("mistral", ttl=ttl, idle_stop=None, as_json=False)
    said = capsys.readouterr()
    assert ("nothing can postpone it" in said.out + said.err) is warned
