"""The assertions of promptfoo that are known here, each a small function: does the answer hold, and if not, why.

Names and meaning follow promptfoo's documentation of deterministic assertions.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cloudgpu.moving.quality.code import failure_of_python
from cloudgpu.moving.quality.golden import Assertion, GoldenTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer as assertions see it: text, real seconds, dollars of machine time (None: no price is known).

    `question` is what was asked.
    """

    text: str
    e2el_s: float
    usd: Decimal | None = None
    question: str = ""


def grade(test: GoldenTest, said: Said) -> tuple[bool, tuple[str, ...]]:
    """Whether the answer passes the test, and a sentence for each assertion that does not hold."""
    failures = [(each, why) for each in test.assertions if (why := failure_of(each, said))]
    sentences = tuple(why for _, why in failures)
    if test.threshold is None:
        return not failures, sentences
    whole = sum(each.weight for each in test.assertions)
    lost = sum(each.weight for each, _ in failures)
    return whole == 0 or (whole - lost) / whole >= test.threshold, sentences


def failure_of(assertion: Assertion, said: Said) -> str | None:
    """Why it does not hold, in a sentence; None when it does."""
    why = _CHECKS[assertion.kind](assertion, said)
    if not assertion.negated:
        return why
    return None if why else f"{assertion.name} {_shown(assertion.value)}: it does"


def _equals(assertion: Assertion, said: Said) -> str | None:
    if isinstance(assertion.value, dict | list):
        held = _json_in(said.text) == [assertion.value]
    else:
        held = said.text == str(assertion.value)
    return None if held else f"the answer is not {_shown(assertion.value)}"


def _contains(assertion: Assertion, said: Said) -> str | None:
    return None if str(assertion.value) in said.text else f"{_shown(assertion.value)} is missing"


def _icontains(assertion: Assertion, said: Said) -> str | None:
    held = str(assertion.value).lower() in said.text.lower()
    return None if held else f"{_shown(assertion.value)} is missing"


def _any_of(values: Sequence[str], text: str) -> str | None:
    return None if any(each in text for each in values) else f"none of {_shown(list(values))} is there"


def _all_of(values: Sequence[str], text: str) -> str | None:
    missing = [each for each in values if each not in text]
    return f"{_shown(missing)} missing" if missing else None


def _regex(assertion: Assertion, said: Said) -> str | None:
    return None if re.search(str(assertion.value), said.text) else f"nothing matches /{assertion.value}/"


def _starts_with(assertion: Assertion, said: Said) -> str | None:
    return None if said.text.startswith(str(assertion.value)) else f"it does not begin with {_shown(assertion.value)}"


def _is_json(assertion: Assertion, said: Said) -> str | None:
    try:
        value = json.loads(said.text)
    except (ValueError, RecursionError):
        return "the answer is no JSON"
    return _against_schema(value, assertion.value)


def _contains_json(assertion: Assertion, said: Said) -> str | None:
    found = _json_in(said.text)
    if not found:
        return "the answer holds no JSON"
    reasons = [_against_schema(value, assertion.value) for value in found]
    return None if None in reasons else reasons[0]


def _latency(assertion: Assertion, said: Said) -> str | None:
    most_ms, took_ms = assertion.threshold or 0.0, said.e2el_s * 1000
    return None if took_ms <= most_ms else f"it took {took_ms:.0f} ms, and may take {most_ms:.0f}"


def _cost(assertion: Assertion, said: Said) -> str | None:
    if said.usd is None:
        return "nobody said what the endpoint costs an hour"
    most = Decimal(repr(assertion.threshold or 0.0))
    return None if said.usd <= most else f"it cost ${said.usd:.6f}, and may cost ${most}"


def _python(assertion: Assertion, said: Said) -> str | None:
    return failure_of_python(str(assertion.value), said.text, said.question, assertion.threshold)


def _against_schema(value: object, schema: Any) -> str | None:  # noqa: ANN401  (whatever the file holds)
    if schema is None:
        return None
    import jsonschema  # only for those who give a schema

    error = next(iter(jsonschema.Draft202012Validator(schema).iter_errors(value)), None)
    return f"the JSON breaks its schema: {error.message[:120]}" if error else None


def _json_in(text: str) -> list[Any]:
    """Every whole JSON object or list in the text, from left to right."""
    found, decoder, at = [], json.JSONDecoder(), 0
    while (match := re.compile(r"[{\[]").search(text, at)) is not None:
        try:
            value, at = decoder.raw_decode(text, match.start())
            found.append(value)
        except (ValueError, RecursionError):
            at = match.start() + 1
    return found


def _shown(value: object) -> str:
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"“{words[:60]}”" if len(words) <= 60 else f"“{words[:57]}…”"


_CHECKS: dict[str, Callable[[Assertion, Said], str | None]] = {
    "equals": _equals,
    "contains": _contains,
    "icontains": _icontains,
    "contains-any": lambda assertion, said: _any_of(assertion.value, said.text),
    "contains-all": lambda assertion, said: _all_of(assertion.value, said.text),
    "icontains-any": lambda assertion, said: _any_of([each.lower() for each in assertion.value], said.text.lower()),
    "icontains-all": lambda assertion, said: _all_of([each.lower() for each in assertion.value], said.text.lower()),
    "regex": _regex,
    "starts-with": _starts_with,
    "is-json": _is_json,
    "contains-json": _contains_json,
    "latency": _latency,
    "cost": _cost,
    "python": _python,
}
CODE = "python"
"""The kind that runs code, and only for those who allow it."""
KNOWN = tuple(kind for kind in _CHECKS if kind != CODE)
"""The kinds that are known; each also with `not-` in front."""
LISTS = frozenset({"contains-any", "contains-all", "icontains-any", "icontains-all"})
"""Kinds whose value is a list."""
TEXTS = frozenset({"equals", "contains", "icontains", "regex", "starts-with", CODE})
"""Kinds that need a value."""
MEASURES = frozenset({"latency", "cost"})
"""Kinds that need a threshold."""
