"""What lint is pointed at besides compose and shell files: templates, folders of them, deployments."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloudgpu.base.errors import BadFileError, NotFoundError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.cli.main import app
from cloudgpu.serving.launch import HealthCheck, LaunchRequest
from cloudgpu.serving.lint.check import lint, lint_services
from cloudgpu.serving.profile import as_service, of_launch

TEMPLATES = Path(__file__).parents[3] / "templates"
VLLM = (TEMPLATES / "vllm.yaml").read_text(encoding="utf-8")


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """One `cloudgpu lint … --json` in a folder of its own: {file: {rule: (severity, line)}}."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(*words):
        done = CliRunner().invoke(app, ["lint", *words, "--json"])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        files = json.loads(done.stdout)["files"]
        return {
            each["file"]: {found["rule"]: (found["severity"], found["line"]) for found in each["findings"]}
            for each in files
        }

    return run


def test_no_rule_objects_to_any_template_of_the_package(typed):
    found = typed(str(TEMPLATES))
    assert {Path(name).name for name in found} >= {"vllm.yaml", "vllm-lora.yaml", "vllm-vision.yaml", "sglang.yaml"}
    assert not any(found.values())


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ('--dtype: "{dtype}"', '--rope-scaling: "{dtype}"', "V01"),
        ('--dtype: "{dtype}"', '--dtype: "int4"', "V06"),
        ('--dtype: "{dtype}"', '--max-lora-rnk: "{dtype}"', "V45"),
        ('--enforce-eager: "{enforce_eager}"', '--enforce-eager: "True"', "V04"),
    ],
)
def test_a_template_of_ones_own_is_checked_at_its_lines(right, wrong, rule):
    text = VLLM.replace(right, wrong)
    (found,) = [each for each in lint(text, "mine.yaml", variables={}).findings if each.rule == rule]
    assert wrong in text.splitlines()[found.at.line - 1]


def test_a_folder_of_ones_own_is_checked_and_another_release_judged(typed, tmp_path):
    (tmp_path / "mine").mkdir()
    text = VLLM.replace('--dtype: "{dtype}"', '--nnodes: "2"')
    (tmp_path / "mine" / "a.yaml").write_text(text, encoding="utf-8")
    assert typed("mine") == {"mine/a.yaml": {}}
    assert "V02" in typed("mine", "--engine-version", "0.8.5")["mine/a.yaml"]
    with pytest.raises(UsageError):
        typed(str(tmp_path / "mine"), "--engine-version", "soon")


def test_a_secret_in_a_template_is_told_the_form_that_templates_have():
    text = (TEMPLATES / "vllm.yaml").read_text(encoding="utf-8")
    text = text.replace("HF_TOKEN: {secret: hf_token}", "HF_TOKEN: hf_abcdefghijklmnop")
    (finding,) = [each for each in lint(text, "t.yaml", variables={}).findings if each.rule == "S09"]
    assert finding.fix == "write HF_TOKEN: {secret: hf_token}"


def test_a_template_of_a_later_schema_is_told_which_one_is_known():
    with pytest.raises(BadFileError, match=r"line 1, column 1: schema_version is 99, known is 1"):
        lint("schema_version: 99\n" + VLLM, "mine.yaml", variables={})
    assert not lint("schema_version: 1\n" + VLLM, "mine.yaml", variables={}).findings


def test_a_template_that_a_newer_release_wrote_is_one_sentence_with_its_line():
    with pytest.raises(BadFileError, match=r"line \d+, column 1: there is no key autoscale"):
        lint(VLLM + "\nautoscale: {most: 3}\n", "mine.yaml", variables={})


def test_a_deployment_is_public_and_what_is_the_providers_is_not_asked_of_it():
    launch = LaunchRequest(
        image="vllm/vllm-openai:v0.11.0", args=("--model", "Qwen/Qwen3-8B", "--tensor-parallel-size", "2"),
        env={"VLLM_API_KEY": Secret("sk-1")}, ports=(8000,), disk_gb=40, download_gb=20.0,
        health=HealthCheck(port=8000, path="/health", model_id="Qwen/Qwen3-8B"),
    )  # fmt: skip
    rules = {each.rule for each in lint_services([as_service(of_launch("a", launch, 2))]).findings}
    assert "S02" in rules
    assert not rules & {"S01", "O02", "O03", "O05", "O12"}


def test_servers_of_two_files_that_claim_one_card_are_told_that_they_exclude_each_other(typed):
    profiles = Path(__file__).parent / "profiles"
    found = typed(str(profiles / "medium-c.yml"), str(profiles / "mini.yml"), str(profiles / "micro.yml"))
    assert [(name, rules["V27"][0]) for name, rules in found.items() if "V27" in rules] == [
        (str(profiles / "medium-c.yml"), "note")
    ]


def test_a_name_that_is_nothing_is_refused_in_one_sentence(typed):
    with pytest.raises(NotFoundError, match="no file, deployment, template or model nothing"):
        typed("nothing")
    with pytest.raises(BadFileError, match=r"no file nothing\.yml"):
        typed("nothing.yml")
    with pytest.raises(UsageError, match="no template in"):
        typed("/")
