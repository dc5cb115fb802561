"""Templates of one's own: made, changed, checked and listed on the command line."""

import json

import pytest
from typer.testing import CliRunner

from cloudgpu.base.errors import BadFileError, UsageError
from cloudgpu.cli.main import app
from cloudgpu.cli.template_choice import asked_of

run = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A configuration of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "cloudgpu" / "templates"


def told(*words):
    done = run.invoke(app, ["template", *words, "--json"])
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def test_a_new_template_is_a_file_that_passes_its_check_and_can_be_chosen(home):
    assert told("new", "mine", "--like", "vllm-lora")["path"] == str(home / "mine.yaml")
    assert told("check", "mine")["templates"][0]["name"] == "mine"
    assert asked_of("mine", ["A=b=c"], tools=False, reasoning=True).template.name == "mine"
    listed = {each["name"]: (each["engine"], each["origin"]) for each in told("list")["templates"]}
    assert (listed["mine"], listed["sglang"]) == (("vllm", "own"), ("sglang", "package"))


def test_a_broken_template_is_listed_as_broken_and_refused_by_check(home):
    told("new", "mine")
    (home / "mine.yaml").write_text("name: mine\n", encoding="utf-8")
    row = next(each for each in told("list")["templates"] if each["name"] == "mine")
    assert row["summary"].startswith("broken")
    assert isinstance(run.invoke(app, ["template", "check", "mine"]).exception, BadFileError)


def test_show_prints_the_file_with_its_explanations():
    shown = run.invoke(app, ["template", "show", "vllm"]).stdout
    assert shown.startswith("# How to start vLLM")


def test_a_variable_without_a_value_is_a_usage_error():
    with pytest.raises(UsageError, match="NAME=VALUE"):
        asked_of(None, ["IMAGE"], tools=False, reasoning=False)
