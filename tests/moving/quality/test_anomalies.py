"""Signs of a broken model: what is taken for one, and what is not."""

import pytest

from cloudgpu.moving.quality.anomalies import TEMPLATE_TOKENS, anomalies

ENGLISH = "The capital of France is Paris, and the tower was built in 1889 for the world fair that was held there."
FRENCH = "La capitale de la France est Paris, et la tour a été construite pour une exposition qui est dans les livres."


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("!!!!!", "no words"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("I cannot assist with this request.", "refusal"),
        ("Paris is nice. " * 8, "loop"),
        ("and then " * 10, "loop"),
        ("word" + "ab" * 40, "loop"),
        ("So: " + "!" * 40, "loop"),
        (FRENCH, "wrong language"),
        ("巴黎是法国的首都，埃菲尔铁塔建于一八八九年。", "wrong language"),
        *((f"Sure {token} yes", "template tokens") for token in TEMPLATE_TOKENS),
    ],
)
def test_what_is_broken_is_named(text, name):
    assert name in anomalies("What is the capital of France, and when was the tower built?", text)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What is the capital of France?", ENGLISH),
        ("Quelle est la capitale de la France, et qui l'a dit dans les livres ?", FRENCH),
        ("Translate to French: the capital of France is in the north of it.", FRENCH),
        ("Write a table.", "| a | b |\n|---|---|\n| 1 | 2 |\n" + "-" * 60),
        ("Count to ten.", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10"),
        ("What is 2 + 2?", "4"),
        ("Write a factorial.", "def f(n):\n    return 1 if n < 2 else n * f(n - 1)\n\nprint(f(5))\nprint(f(6))"),
        ("Sum?", "=" * 50 + "\n42"),
    ],
)
def test_a_sound_answer_has_no_sign(question, text):
    assert anomalies(question, text, finish_reason="stop") == ()


def test_an_answer_that_met_its_limit_was_cut_off():
    assert anomalies("q", ENGLISH, finish_reason="length") == ("cut off",)


def test_a_tool_call_needs_a_json_object_and_no_text():
    assert anomalies("q", "", tool_calls=('{"city": "Paris"}',)) == ()
    assert anomalies("q", "", tool_calls=('{"city": ',)) == ("invalid tool call",)
