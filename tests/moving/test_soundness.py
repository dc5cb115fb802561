"""What a side says is judged without knowing what it should say."""

import pytest

from cloudgpu.moving.soundness import QUESTIONS, nonsense
from cloudgpu.running.health import Health

SENSE = "The capital of France is Paris, and it is known for the tower and the river."


def says(*texts):
    replies = iter(texts)
    return lambda *_: Health(ready=True, phase="ready", detail="", text=next(replies))


def never(*_):
    raise AssertionError("it was asked")


def test_what_sounds_right_is_asked_nothing_more_between_the_ends():
    assert nonsense("Hello! How can I help you?", never, thoroughly=False) is None
    assert nonsense(None, never, thoroughly=False) is None


def test_one_odd_greeting_is_no_proof():
    assert nonsense("👋", says(SENSE, SENSE, "!!!!"), thoroughly=False) is None


@pytest.mark.parametrize("said", ["!!!!!!!!", "Hello!"])
def test_most_answers_broken_are(said):
    found = nonsense(said, says("!!!!!!!!", SENSE, "well " * 40), thoroughly=True)
    assert found == "2 of 3 answers look broken (no words, loop)"


def test_a_side_that_falls_silent_at_the_questions_is_not_sound():
    silent = Health(ready=False, phase="silent", detail="no answer in time")
    assert "no answer" in nonsense("Hello!", lambda *_: silent, thoroughly=True)


def test_a_refusal_a_short_answer_and_a_model_that_embeds_are_sound():
    assert nonsense("Hi", says("I cannot help with that.", "Paris", "Paris"), thoroughly=True) is None
    assert nonsense(None, says(None, None, None), thoroughly=True) is None
    assert len(QUESTIONS) == 3
