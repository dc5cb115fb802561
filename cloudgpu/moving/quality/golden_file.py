"""Golden prompts from a YAML file in promptfoo's format (the part of it that needs no model and runs no code).

What is read: `prompts` (texts with `{{names}}`), `tests` with `description`, `vars`, `assert`, `threshold` and
`options` (`max_tokens`, `tools`), and `defaultTest`. What cannot be honoured is refused, with its line.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import NoneType
from typing import Any

from cloudgpu.base.data import data_dir
from cloudgpu.base.errors import BadFileError
from cloudgpu.moving.quality.assertions import CODE, KNOWN, LISTS, MEASURES, TEXTS
from cloudgpu.moving.quality.golden import MAX_TOKENS, Assertion, GoldenSet, GoldenTest
from cloudgpu.moving.quality.numbered_yaml import Spot, parsed

DEFAULT = "default"
NO_GOLDEN = "none"
LEFT_OUT = frozenset({"javascript", CODE})
"""Assertions that run code: python only when it is allowed, javascript never."""
MOST_TESTS = 500

_TOP = frozenset({"description", "prompts", "providers", "tests", "defaultTest"})
_TEST = frozenset({"description", "vars", "assert", "threshold", "options", "metadata"})
_ASSERT = frozenset({"type", "value", "threshold", "weight", "metric", "description"})
_OPTIONS = frozenset({"max_tokens", "tools"})
_GUIDE = "promptfoo.dev/docs/configuration/guide"
_EXAMPLE = "{type: icontains, value: paris}"
_LIKE = f"like: tests: [{{vars: {{question: Capital of France?}}, assert: [{_EXAMPLE}]}}]"
_NAME = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")


def read_golden(path: Path | None = None, *, allow_code: bool = False) -> GoldenSet:
    """The golden prompts of a file; None: the built-in set. `allow_code` keeps its python assertions.

    Raises BadFileError with the file, the line and what is known there.
    """
    found = path or data_dir("templates") / "golden" / f"{DEFAULT}.yaml"
    document, lines = parsed(found)
    return _Reader(found, lines, allow_code).golden_set(document)


def golden_of(which: str | None, *, allow_code: bool = False) -> GoldenSet | None:
    """The golden prompts that a word names: a file's; None: the built-in set; `none`: none are asked.

    Raises as `read_golden`.
    """
    if which == NO_GOLDEN:
        return None
    return read_golden(Path(which) if which else None, allow_code=allow_code)


@dataclass(slots=True)
class _Reader:
    path: Path
    lines: Mapping[Spot, int]
    allow_code: bool
    skipped_code: int = 0
    notes: list[str] = field(default_factory=list)

    def golden_set(self, document: object) -> GoldenSet:
        if document is None:
            raise self._error((), "the file is empty", _LIKE)
        top = self._mapping(document, (), "a golden file")
        self._only(top, _TOP, ())
        prompts = self._prompts(top.get("prompts", ["{{question}}"]))
        default = self._mapping(top.get("defaultTest") or {}, ("defaultTest",), "defaultTest")
        self._only(default, _TEST, ("defaultTest",))
        rows = top.get("tests")
        if not isinstance(rows, list) or not rows:
            raise self._error((), "there is no list of tests", _LIKE)
        tests = [test for number, row in enumerate(rows) for test in self._tests(prompts, default, row, number)]
        if len(tests) > MOST_TESTS:
            raise self._error(("tests",), f"{len(tests)} prompts", f"{MOST_TESTS} at most")
        return GoldenSet(name=self.path.stem, tests=_named_apart(tests), notes=tuple(self._told(top)))

    def _told(self, top: Mapping[str, Any]) -> Iterator[str]:
        if "providers" in top:
            yield "providers are not read: the endpoints that are compared answer"
        if self.skipped_code:
            yield (
                f"{self.skipped_code} javascript or python assertions are left out: a file of prompts runs no code "
                "here unless you say so (--allow-code, python alone)"
            )

    def _prompts(self, given: object) -> list[str]:
        prompts = [given] if isinstance(given, str) else given
        if not isinstance(prompts, list) or not prompts:
            raise self._error(("prompts",), "prompts is no list of texts", 'like: prompts: ["{{question}}"]')
        for number, each in enumerate(prompts):
            if not isinstance(each, str) or each.startswith("file://"):
                raise self._error(("prompts", number), "a prompt is a text, written in this file", "{{name}} is filled")
            if "{%" in each:
                raise self._error(("prompts", number), "templates with {% … %} are not known", "{{name}} is filled")
        return prompts

    def _tests(
        self, prompts: list[str], default: Mapping[str, Any], given: object, number: int
    ) -> Iterator[GoldenTest]:
        at: Spot = ("tests", number)
        row = self._mapping(given, at, f"test {number + 1}")
        self._only(row, _TEST, at)
        assertions = (
            *self._assertions(default.get("assert"), ("defaultTest", "assert")),
            *self._assertions(row.get("assert"), (*at, "assert")),
        )
        variables = {**self._vars(default, ("defaultTest",)), **self._vars(row, at)}
        options = {**self._options(default, ("defaultTest",)), **self._options(row, at)}
        threshold = self._share(default, ("defaultTest", "threshold"))
        threshold = self._share(row, (*at, "threshold")) if "threshold" in row else threshold
        if not (default.get("assert") or row.get("assert")):
            raise self._error(at, "this test has no assert, so any answer passes", f"assert: [{_EXAMPLE}]")
        for prompt, filled in itertools.product(prompts, _combinations(variables)):
            question = self._filled(prompt, filled, at)
            yield GoldenTest(
                name=str(row.get("description") or _short(question)), question=question, assertions=assertions,
                threshold=threshold, **options,
            )  # fmt: skip

    def _assertions(self, given: object, at: Spot) -> list[Assertion]:
        if given is None:
            return []
        if not isinstance(given, list):
            raise self._error(at, "assert is no list", f"like: assert: [{_EXAMPLE}]")
        return [each for number, row in enumerate(given) for each in self._assertion(row, (*at, number))]

    def _assertion(self, given: object, at: Spot) -> list[Assertion]:
        row = self._mapping(given, at, "an assertion")
        self._only(row, _ASSERT, at)
        name = str(row.get("type"))
        kind = name.removeprefix("not-")
        if kind in LEFT_OUT and not (kind == CODE and self.allow_code):
            self.skipped_code += 1
            return []
        if kind not in (*KNOWN, CODE):
            known = ", ".join(KNOWN)
            raise self._error((*at, "type"), f"unknown assertion {name!r}", f"known (each also with not-): {known}")
        assertion = Assertion(
            kind=kind, negated=name != kind, value=row.get("value"),
            threshold=self._number(row.get("threshold"), (*at, "threshold"), "threshold"),
            weight=self._number(row.get("weight", 1), (*at, "weight"), "weight") or 0.0,
        )  # fmt: skip
        return [self._complete(assertion, at)]

    def _complete(self, assertion: Assertion, at: Spot) -> Assertion:
        kind, value = assertion.kind, assertion.value
        if kind in TEXTS and (value is None or (isinstance(value, dict | list) and kind != "equals")):
            raise self._error(at, f"{kind} needs a text as value", f"{{type: {kind}, value: …}}")
        if kind in LISTS and not (isinstance(value, list) and value):
            raise self._error(at, f"{kind} needs a list as value", f"{{type: {kind}, value: [one, two]}}")
        if kind in MEASURES and assertion.threshold is None:
            unit = "milliseconds" if kind == "latency" else "dollars"
            raise self._error(at, f"{kind} needs a threshold", f"{{type: {kind}, threshold: …}} in {unit}")
        if kind == "regex":
            self._check_regex(str(value), at)
        if kind in ("is-json", "contains-json") and value is not None:
            return self._with_schema(assertion, at)
        return self._texts(assertion)

    def _texts(self, assertion: Assertion) -> Assertion:
        if assertion.kind in LISTS:
            return replace(assertion, value=[str(each) for each in assertion.value])
        return assertion

    def _with_schema(self, assertion: Assertion, at: Spot) -> Assertion:
        import jsonschema  # only for those who give a schema
        import yaml

        schema = yaml.safe_load(assertion.value) if isinstance(assertion.value, str) else assertion.value
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise self._error(at, f"the value is no JSON schema: {error.message[:100]}", "json-schema.org") from None
        return replace(assertion, value=schema)

    def _check_regex(self, pattern: str, at: Spot) -> None:
        try:
            re.compile(pattern)
        except re.error as error:
            raise self._error(at, f"/{pattern}/ is no regular expression: {error}", "Python's syntax") from None

    def _vars(self, row: Mapping[str, Any], at: Spot) -> Mapping[str, Any]:
        return self._mapping(row.get("vars") or {}, (*at, "vars"), "vars")

    def _options(self, row: Mapping[str, Any], at: Spot) -> dict[str, Any]:
        options = self._mapping(row.get("options") or {}, (*at, "options"), "options")
        self._only(options, _OPTIONS, (*at, "options"))
        found: dict[str, Any] = {}
        if "max_tokens" in options:
            most = options["max_tokens"]
            if not isinstance(most, int) or most < 1:
                raise self._error(
                    (*at, "options", "max_tokens"), "max_tokens is a number above 0", f"like {MAX_TOKENS}"
                )
            found["max_tokens"] = most
        if "tools" in options:
            found["tools"] = tuple(options["tools"] or ())
        return found

    def _filled(self, prompt: str, variables: Mapping[str, Any], at: Spot) -> str:
        missing = [name for name in _NAME.findall(prompt) if name not in variables]
        if missing:
            raise self._error(at, f"the prompt needs {{{{{missing[0]}}}}}", f"vars: {{{missing[0]}: …}}")
        return _NAME.sub(lambda match: str(variables[match[1]]), prompt)

    def _number(self, value: object, at: Spot, name: str) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise self._error(at, f"{name} is a number, not {value!r}", "like 0.5")
        return float(value)

    def _share(self, row: Mapping[str, Any], at: Spot) -> float | None:
        found = self._number(row.get("threshold"), at, "threshold")
        if found is None or found <= 1:
            return found
        hint = "0.5: half of its assertions by their weights; milliseconds of a latency stand inside of its assertion"
        raise self._error(at, f"the threshold of a test is a share from 0 to 1, not {row['threshold']}", hint)

    def _mapping(self, value: object, at: Spot, what: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            given = {list: "a list", str: "a text", NoneType: "nothing"}.get(type(value), repr(value))
            raise self._error(at, f"{what} is written as key: value, and this is {given}", _GUIDE)
        return value

    def _only(self, row: Mapping[str, Any], known: frozenset[str], at: Spot) -> None:
        unknown = next((key for key in row if key not in known), None)
        if unknown is not None:
            raise self._error((*at, unknown), f"unknown key {unknown!r}", f"known: {', '.join(sorted(known))}")

    def _error(self, at: Spot, message: str, hint: str) -> BadFileError:
        while at and at not in self.lines:
            at = at[:-1]
        return BadFileError(f"{self.path}, line {self.lines.get(at, 1)}: {message}", hint=hint)


def _combinations(variables: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A list as a variable's value stands for each of its items in turn."""
    lists = [value if isinstance(value, list) else [value] for value in variables.values()]
    for values in itertools.product(*lists):
        yield dict(zip(variables, values, strict=True))


def _named_apart(tests: list[GoldenTest]) -> tuple[GoldenTest, ...]:
    """Two tests of one name are told apart by a number."""
    seen: dict[str, int] = {}
    found = []
    for test in tests:
        seen[test.name] = seen.get(test.name, 0) + 1
        found.append(test if seen[test.name] == 1 else replace(test, name=f"{test.name} ({seen[test.name]})"))
    return tuple(found)


def _short(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= 60 else f"{line[:57]}…"
