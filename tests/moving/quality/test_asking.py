"""Golden prompts put to real endpoints, and a judge model that is asked twice."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from known_server import KnownServer

from cloudgpu.moving.quality.golden import Assertion, GoldenSet, GoldenTest
from cloudgpu.moving.quality.referee import decided, opinions, spoken
from cloudgpu.moving.quality.trials import ask_all

HOLDS = Assertion(kind="contains", value="word")
GOLDEN = GoldenSet(
    name="t", tests=tuple(GoldenTest(name=f"t{n}", question=f"q{n}", assertions=(HOLDS,)) for n in range(6))
)


def test_every_prompt_is_asked_three_times_of_every_side_and_told_in_its_order():
    with KnownServer() as one, KnownServer() as other:
        runs = ask_all([one.endpoint(name="a"), other.endpoint(name="b")], GOLDEN)
    assert [run.name for run in runs] == ["a", "b"]
    for run in runs:
        assert [(trial.prompt, trial.repeat) for trial in run.trials] == [
            (f"t{n}", r) for n in range(6) for r in range(3)
        ]
        assert all(trial.passed and not trial.anomalies for trial in run.trials)


def test_no_answer_is_a_failed_trial_with_its_reason():
    with KnownServer(mood="500") as server:
        run = ask_all([server.endpoint()], GOLDEN, repeats=1)[0]
    assert set(run.passed_share().values()) == {0.0}
    assert set(run.anomaly_share().values()) == {1.0}
    assert run.trials[0].failures == ("no answer: 500: status 500 it is",)
    assert run.trials[0].trouble == "server_error"


def test_a_side_that_is_gone_is_left_alone():
    with KnownServer() as server:
        endpoint = server.endpoint()
    run = ask_all([endpoint], GOLDEN)[0]
    assert 6 <= len(run.trials) <= 6 + 4
    assert {trial.trouble for trial in run.trials} == {"refused"}


@pytest.mark.parametrize(
    ("first", "swapped", "winner"),
    [
        ("A", "B", "old"),
        ("B", "A", "new"),
        ("TIE", "TIE", "tie"),
        ("A", "A", "unsure"),
        ("B", "B", "unsure"),
        ("A", "TIE", "unsure"),
        (None, "A", "unsure"),
    ],
)
def test_only_an_opinion_that_holds_with_the_sides_swapped_counts(first, swapped, winner):
    assert decided(first, swapped) == winner


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("A", "A"),
        ("Because of this.\n\n**B**", "B"),
        ("tie", "TIE"),
        ("My verdict: A", "A"),
        ("who knows", None),
        ("", None),
    ],
)
def test_the_last_word_of_a_judge_is_heard(text, heard):
    assert spoken(text) == heard


def test_a_judge_is_asked_twice_for_each_prompt_and_not_at_all_for_equal_answers():
    with KnownServer(tokens=3) as old, KnownServer(tokens=4) as new, KnownServer() as judge:
        one, other = ask_all([old.endpoint(), new.endpoint()], GOLDEN, repeats=1)
        found = opinions(judge.endpoint(), one, other)
        same = opinions(judge.endpoint(), one, one)
    assert [each.prompt for each in found] == [f"t{n}" for n in range(6)]
    assert {each.preference for each in found} == {"unsure"}
    assert len(judge.asked) == 12
    assert {each.preference for each in same} == {"tie"}
