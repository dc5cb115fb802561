"""Fault scripts: a file says in one sentence what is wrong with it, and the same seed gives the same strikes."""

import pytest

from cloudgpu.base.errors import BadFileError
from cloudgpu.emulator.faults.kinds import BOTH, KINDS, kind_named
from cloudgpu.emulator.faults.script import read_fault, read_fault_file

GOOD = """
seed: 7
faults:
  - {on: create, do: 502_after_effect, times: 2, skip: 1}
  - on: list        # `on` is a word here, not a truth
    do: 502
    provider: runpod
    chance: 0.5
    times: null
"""
FIRST = "faults:\n  - {on: create, do: 502}\n"


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "faults.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_file_is_read_in_its_order(script):
    found = read_fault_file(script(GOOD))
    assert found.seed == 7
    assert [(f.provider, f.on, f.do, f.times) for f in found.faults] == [
        ("vast", "create", "502_after_effect", 2),
        ("runpod", "list", "502", None),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "faults:\n  - {on: create, do: 502}\n  - on: create\n    do: explode\n",
            r"line 3, faults\[1\]: do must be one",
        ),
        (
            "faults:\n  - {on: create, do: 502}\n  - on: nowhere\n    do: 502\n",
            r"line 3, faults\[1\]: on must be one of",
        ),
        ("faults:\n  - on: list\n    do: 502\n    times: 0\n", r"line 4, faults\[0\].times: input should be greater"),
        ("faults:\n  - on: list\n    do: 502\n    often: 3\n", r"line 4, faults\[0\].often: there is no such field"),
        (
            "faults:\n  - on: list\n    do: 502\n    factor: 3\n",
            r"line 2, faults\[0\]: 502 on list does not read",
        ),
        ("faults:\n  - on: list\n", r"line 2, faults\[0\].do: is missing"),
        ("seed: seven\n", r"line 1, seed: input should be a valid integer.*not 'seven'"),
        ("faults: [\n", r"line 2, is not YAML: "),
        (FIRST + "  - [1]\n", r"line 3, faults\[1\]: must be fields with values, not \[1\]"),
        ("faults: null\n", r"line 1, faults: input should be a valid list, not None"),
        ("- 1\n", r"line 1, top: must be fields with values, not \[1\]"),
        (
            "faults:\n  - {provider: aws, on: list, do: 502}\n",
            r"line 2, faults\[0\].provider: input should be",
        ),
        ("faults:\n  - {on: list, do: queued}\n", r"line 2, faults\[0\]: do must be one of .* on 'list', not 'queued'"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_file_line_and_key(script, text, said):
    path = script(text)
    with pytest.raises(BadFileError, match=said) as caught:
        read_fault_file(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert "docs/emulator.md" in caught.value.hint


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(BadFileError, match="cannot be read: No such file"):
        read_fault_file(tmp_path / "none.yaml")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.do}-{kind.on[0]}")
def test_every_kind_can_be_asked_for_wherever_it_says(kind):
    for provider in kind.providers:
        for place in kind.on:
            assert read_fault({"provider": provider, "on": place, "do": kind.do}).do == kind.do
            assert kind_named(kind.do, place, provider) == kind
    for provider in set(BOTH) - set(kind.providers):
        with pytest.raises(ValueError, match=r"do must be one of|on must be one of"):
            read_fault({"provider": provider, "on": kind.on[0], "do": kind.do})


def test_the_same_seed_gives_the_same_strikes_and_another_gives_others(rig, emulator):
    def struck(seed):
        rig.reset(seed=seed)
        rig.fault("vast", on="list", do="502", chance=0.3, times=None)
        return [emulator.list().status_code for _ in range(60)]

    first = struck(1)
    assert first == struck(1) != struck(2)
    assert 5 <= first.count(502) <= 35


def test_a_file_begins_the_market_of_its_seed_and_strikes(rig, emulator, script):
    rig.fault_file(script(GOOD))
    assert emulator.call("GET", "/emulator/status").json()["seed"] == 7
    answers = [emulator.create(emulator.offer()).status_code for _ in range(4)]
    assert answers == [200, 502, 502, 200]
    assert len(rig.ever_rented()) == 4


def test_a_fault_that_waits_is_shown_with_all_that_was_asked(rig, emulator):
    emulator.fault("list", "502", times=2, skip=1)
    row = emulator.call("GET", "/emulator/faults").json()["faults"][0]
    assert (row["provider"], row["on"], row["do"], row["times"], row["skip"]) == ("vast", "list", "502", 2, 1)
