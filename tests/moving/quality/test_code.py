"""Python assertions: what they may say, and what a bad one costs."""

import pytest

from cloudgpu.moving.quality import code
from cloudgpu.moving.quality.code import failure_of_python


@pytest.mark.parametrize(
    ("source", "threshold", "why"),
    [
        ("len(output) == 5", None, None),
        ("len(output) > 5", None, "says false"),
        ("0.4", None, None),
        ("0.4", 0.5, "says 0.4"),
        ("import math\nreturn math.sqrt(len(output)) > 2", None, None),
        ("{'pass': False, 'reason': 'too short'}", None, "too short"),
        ("{'score': 0.9}", 0.5, None),
        ("print('noise') or True", None, None),
        ("nonsense", None, "NameError"),
        ("def", None, "failed"),
        ("object()", None, "failed"),
        ("context['prompt'] == 'asked'", None, None),
    ],
)
def test_what_an_assertion_says_is_understood_as_promptfoo_does(source, threshold, why):
    found = failure_of_python(source, "hello", "asked", threshold)
    assert found is None if why is None else why in found


def test_it_sees_no_variable_of_this_process(monkeypatch):
    monkeypatch.setenv("VAST_API_KEY", "secret")
    assert failure_of_python("import os\nreturn 'VAST_API_KEY' not in os.environ", "x", "q", None) is None


def test_one_that_never_ends_is_ended(monkeypatch):
    monkeypatch.setattr(code, "LIMIT_S", 0.5)
    assert "took more than" in failure_of_python("while True:\n    pass", "x", "q", None)
