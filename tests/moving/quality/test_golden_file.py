"""Golden prompts in promptfoo's format: what is read, and what is refused with its line."""

import pytest

from cloudgpu.base.errors import BadFileError
from cloudgpu.moving.quality.assertions import KNOWN
from cloudgpu.moving.quality.golden_file import golden_of, read_golden

GOOD = """
description: our prompts
prompts:
  - "{{question}} Answer in {{ language }}."
providers: [openai:gpt-4o]
defaultTest:
  vars: {language: English}
  assert: [{type: not-contains, value: "<|im_end|>"}]
tests:
  - description: capital
    vars: {question: "Capital of France?"}
    assert:
      - {type: icontains, value: paris}
      - {type: latency, threshold: 2000}
  - vars: {question: [one, two], language: French}
    threshold: 0.5
    options: {max_tokens: 32}
    assert: [{type: contains-any, value: [1, 2], weight: 2}, {type: javascript, value: "output.length > 3"}]
"""


def write(tmp_path, text):
    path = tmp_path / "golden.yaml"
    path.write_text(text)
    return path


def test_prompts_are_filled_and_defaults_are_joined(tmp_path):
    found = read_golden(write(tmp_path, GOOD))
    first, second, third = found.tests
    assert (first.name, first.question) == ("capital", "Capital of France? Answer in English.")
    assert [each.name for each in first.assertions] == ["not-contains", "icontains", "latency"]
    assert [second.question, third.question] == ["one Answer in French.", "two Answer in French."]
    assert (second.threshold, second.max_tokens) == (0.5, 32)
    assert second.assertions[1].value == ["1", "2"]


def test_code_is_not_run_and_providers_are_not_read_and_both_are_told(tmp_path):
    notes = " ".join(read_golden(write(tmp_path, GOOD)).notes)
    assert "javascript" in notes
    assert "providers" in notes


def test_python_is_kept_only_when_it_is_allowed_and_javascript_never(tmp_path):
    path = write(
        tmp_path, "tests: [{vars: {question: hi}, assert: [{type: python, value: 'True'}, {type: javascript}]}]\n"
    )
    assert read_golden(path).tests[0].assertions == ()
    allowed = read_golden(path, allow_code=True)
    assert [each.kind for each in allowed.tests[0].assertions] == ["python"]
    assert allowed.notes[0].startswith("1 javascript")


def test_the_built_in_set_is_large_enough_to_conclude_from():
    found = read_golden()
    assert len(found.tests) >= 30
    assert len({test.name for test in found.tests}) == len(found.tests)
    assert found.notes == ()


@pytest.mark.parametrize(
    ("line", "text", "said"),
    [
        (6, "    assert: [{type: similar, value: x}]", "unknown assertion 'similar'"),
        (6, "    assert: [{type: not-rouge, value: x}]", "unknown assertion 'not-rouge'"),
        (6, "    assert: [{type: contains}]", "contains needs a text"),
        (6, "    assert: [{type: contains-all, value: x}]", "needs a list"),
        (6, "    assert: [{type: latency}]", "latency needs a threshold"),
        (6, "    assert: [{type: latency, threshold: fast}]", "threshold is a number"),
        (6, "    assert: [{type: regex, value: '('}]", "is no regular expression"),
        (6, "    assert: [{type: is-json, value: {type: nothing}}]", "is no JSON schema"),
        (6, "    assert: {type: contains}", "assert is no list"),
        (6, "    assert: [{type: contains, value: x, transform: y}]", "unknown key 'transform'"),
        (6, "    provider: openai", "unknown key 'provider'"),
        (6, "    options: {temperature: 2}", "unknown key 'temperature'"),
        (6, "    options: {max_tokens: 0}", "max_tokens is a number above 0"),
        (6, "    threshold: 7", "the threshold of a test is a share from 0 to 1, not 7"),
        (6, "    threshold: .nan", "threshold is a number"),
        (5, "    description: hello", "this test has no assert, so any answer passes"),
        (5, "    assert: []", "this test has no assert, so any answer passes"),
        (7, "    threshold: 0.5\n    threshold: 1", "'threshold' is given twice, first in line 6"),
        (6, "    vars: {q: there}", "'vars' is given twice, first in line 5"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_file_and_line(tmp_path, line, text, said):
    path = write(tmp_path, f"""# one\nprompts: ["{{{{q}}}}"]\n\ntests:\n  - vars: {{q: hi}}\n{text}\n""")
    with pytest.raises(BadFileError) as caught:
        read_golden(path)
    assert f"{path}, line {line}: " in caught.value.message
    assert said in caught.value.message


def test_an_unknown_assertion_is_answered_with_all_that_are_known(tmp_path):
    path = write(tmp_path, 'tests: [{vars: {question: hi}, assert: [{type: llm-rubric, value: "nice"}]}]\n')
    with pytest.raises(BadFileError) as caught:
        read_golden(path)
    assert all(kind in caught.value.hint for kind in KNOWN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tests: []", "no list of tests"),
        ("", "line 1: the file is empty"),
        ("# nothing but a remark", "the file is empty"),
        ("[]", "a golden file is written as key: value, and this is a list"),
        ("tests: [hello]", "test 1 is written as key: value, and this is a text"),
        (
            "defaultTest: {threshold: 2}\ntests: [{vars: {question: hi}, assert: [{type: is-json}]}]",
            "line 1: the thresh",
        ),
        ("tests: [{vars: {q: hi}, assert: [{type: is-json}]}]", "the prompt needs {{question}}"),
        ("prompts: ['{% if x %}']\ntests: [{}]", "templates with"),
        ("prompts: [file://p.txt]\ntests: [{}]", "a prompt is a text"),
        ("tests: [a: b: c]", "this is no YAML"),
    ],
)
def test_a_file_that_is_no_golden_file_is_refused(tmp_path, text, said):
    with pytest.raises(BadFileError) as caught:
        read_golden(write(tmp_path, text))
    assert said in caught.value.message


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadFileError):
        read_golden(tmp_path / "none.yaml")


def test_a_word_names_the_built_in_set_a_file_or_none(tmp_path):
    assert golden_of("none") is None
    assert golden_of(None) == read_golden()
    assert golden_of(str(write(tmp_path, GOOD))) == read_golden(write(tmp_path, GOOD))


def test_a_file_that_is_not_there_is_called_that(tmp_path):
    with pytest.raises(BadFileError, match=r"there is no file .*absent\.yaml"):
        golden_of(str(tmp_path / "absent.yaml"))
