"""What each assertion accepts and refuses."""

from decimal import Decimal

import pytest

from cloudgpu.moving.quality.assertions import Said, failure_of, grade
from cloudgpu.moving.quality.golden import Assertion, GoldenTest

SCHEMA = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}


def said(text="", *, e2el_s=1.0, usd=None):
    return Said(text=text, e2el_s=e2el_s, usd=usd)


@pytest.mark.parametrize(
    ("kind", "value", "good", "bad"),
    [
        ("equals", "42", "42", "42."),
        ("equals", {"a": 1}, '{"a": 1}', '{"a": 2}'),
        ("contains", "Paris", "It is Paris.", "It is paris."),
        ("icontains", "Paris", "It is PARIS.", "It is Rome."),
        ("contains-any", ["a1", "b2"], "see b2", "see B2"),
        ("contains-all", ["a1", "b2"], "b2 a1", "only b2"),
        ("icontains-any", ["A1", "b2"], "see a1", "see c3"),
        ("icontains-all", ["A1", "b2"], "B2 a1", "only B2"),
        ("regex", r"\b\d{4}\b", "in 1889", "in 18890"),
        ("starts-with", "Sure", "Sure.", "Not sure"),
        ("is-json", None, '{"city": 1}', 'Here: {"city": 1}'),
        ("is-json", SCHEMA, '{"city": "Paris"}', '{"city": 1}'),
        ("contains-json", SCHEMA, 'Here: {"x": 1} or {"city": "Paris"}!', 'Here: {"city": 1}'),
    ],
)
def test_each_kind_and_its_opposite(kind, value, good, bad):
    plain, opposite = (Assertion(kind=kind, value=value, negated=negated) for negated in (False, True))
    assert failure_of(plain, said(good)) is None
    assert failure_of(plain, said(bad))
    assert failure_of(opposite, said(good))
    assert failure_of(opposite, said(bad)) is None


def test_latency_is_in_milliseconds():
    assertion = Assertion(kind="latency", threshold=1500)
    assert failure_of(assertion, said(e2el_s=1.4)) is None
    assert "1600 ms" in failure_of(assertion, said(e2el_s=1.6))


def test_cost_is_machine_time_and_unknown_without_a_price():
    assertion = Assertion(kind="cost", threshold=0.001)
    assert failure_of(assertion, said(usd=Decimal("0.0009"))) is None
    assert failure_of(assertion, said(usd=Decimal("0.0011")))
    assert "nobody said" in failure_of(assertion, said())


def test_without_a_threshold_every_assertion_must_hold_and_with_one_the_weighted_share():
    assertions = (Assertion(kind="contains", value="a", weight=3), Assertion(kind="contains", value="b"))
    strict = GoldenTest(name="t", question="q", assertions=assertions)
    lenient = GoldenTest(name="t", question="q", assertions=assertions, threshold=0.7)
    assert grade(strict, said("a"))[0] is False
    assert grade(lenient, said("a")) == (True, ("“b” is missing",))
    assert grade(lenient, said("b"))[0] is False


def test_a_test_without_assertions_passes():
    assert grade(GoldenTest(name="t", question="q", assertions=()), said("")) == (True, ())


def test_json_nested_beyond_reason_is_no_json_and_no_crash():
    assert failure_of(Assertion(kind="is-json"), said("[" * 100_000)) is not None
    assert failure_of(Assertion(kind="contains-json"), said("[" * 3000)) is not None
