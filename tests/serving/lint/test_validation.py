"""A profile parameter by parameter: verdicts that rest on rules, figures of the estimator, a score with a history."""

import json

import pytest
from lint_profiles import PROFILES
from typer.testing import CliRunner

from cloudgpu.cli.main import app
from cloudgpu.serving.lint.check import read_services
from cloudgpu.serving.lint.rule import RULES
from cloudgpu.serving.lint.validation import validate_services

GOOD = "vllm serve Qwen/Qwen3-8B --max-model-len 8192 --port 8000"


@pytest.fixture
def told(tmp_path, monkeypatch):
    """What the command says of a text, as JSON, with its exit status."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*words):
        done = CliRunner().invoke(app, ["validate-profile", *map(str, words), "--json"])
        return done.exit_code, json.loads(done.stdout)

    return run


def by_name(service):
    return {each["parameter"]: each for each in service["parameters"]}


def test_what_was_called_wholly_optimal_is_told_where_it_fails(told):
    status, found = told(PROFILES / "medium-e.yml", "--gpus", "2x RTX 4090")
    (service,) = found["services"]
    parameters = by_name(service)
    assert status == 1
    assert [name for name, each in parameters.items() if each["verdict"] == "fails"] == ["RoPE override", "swap-space"]
    assert parameters["max-model-len"]["verdict"] == "good"
    assert "fits" in parameters["max-model-len"]["figure"]
    assert service["score"] < service["of"]


def test_every_verdict_names_rules_that_exist(told):
    for profile in PROFILES.glob("*.yml"):
        for service in told(profile)[1]["services"]:
            for each in service["parameters"]:
                assert each["rules"]
                assert set(each["rules"]) <= set(RULES)


def test_no_finding_is_lost_between_the_parameters():
    text = (PROFILES / "medium-e.yml").read_text(encoding="utf-8")
    (found,) = validate_services(read_services(text, "medium-e.yml", {}), text)
    in_parameters = {rule for each in found.judgements if each.message for rule in each.rules}
    assert in_parameters | {each.rule for each in found.others} >= {"V01", "V03", "O01", "O02", "V38"}


def test_a_fitting_profile_passes_and_its_scores_are_kept(told, tmp_path):
    file = tmp_path / "start.sh"
    file.write_text(GOOD, encoding="utf-8")
    assert told(file, "--gpus", "RTX 4090")[0] == 0
    file.write_text(GOOD + " --max-model-len 900000", encoding="utf-8")
    assert told(file, "--gpus", "RTX 4090")[0] == 1
    history = told(file, "--history")[1]["history"]
    assert [each["fails"] for each in history] == [[], ["max-model-len"]]
    assert history[0]["score"] > history[1]["score"]


@pytest.mark.parametrize("width", ["80", "120", "140"])
def test_every_category_stands_in_the_table_however_wide_the_terminal_is(tmp_path, monkeypatch, width):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", width)
    lines = CliRunner().invoke(app, ["validate-profile", str(PROFILES / "mini.yml")]).stdout.splitlines()
    heads = [index for index, line in enumerate(lines) if line.strip() == "Number formats"]
    assert heads
    assert lines[heads[0] + 1].startswith("  quantization ")
    assert max(map(len, lines)) <= int(width)
