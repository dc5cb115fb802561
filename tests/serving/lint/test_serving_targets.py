"""What can be judged besides files: deployments, templates, models, a command line; each with a history of its own."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloudgpu.base.errors import NotFoundError, NothingFitsError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.base.settings import read_settings
from cloudgpu.cli.main import app
from cloudgpu.cli.profile.files import keep_launches
from cloudgpu.running.records import Deployment, DeploymentState
from cloudgpu.running.store import Store
from cloudgpu.serving.asked import AskedWords
from cloudgpu.serving.launch import HealthCheck, LaunchRequest
from cloudgpu.serving.launching import launch_of
from cloudgpu.serving.profile import of_launch
from tests.serving.planning import planned

PROFILES = Path(__file__).parent / "profiles"
HEALTH = HealthCheck(port=8000, path="/health", model_id="Qwen/Qwen3-8B")


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """`validate-profile … --json` in a folder of its own: (exit status, what it says). Errors are raised."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)

    def run(*words, stdin=None):
        done = CliRunner().invoke(app, ["validate-profile", *map(str, words), "--json"], input=stdin)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, json.loads(done.stdout)

    return run


@pytest.fixture
def deployed(typed):
    """A deployment on one RTX 4090 that serves Qwen3-8B with these arguments."""

    def begin(name, *args):
        launch = LaunchRequest(
            image="vllm/vllm-openai:v0.25.1", args=("--model", "Qwen/Qwen3-8B", *args), ports=(8000,), disk_gb=40,
            env={"VLLM_API_KEY": Secret("sk-1")}, download_gb=20.0, health=HEALTH,
        )  # fmt: skip
        settings = read_settings()
        keep_launches(settings.state_dir, [("d1", of_launch(name, launch, 1))], AskedWords())
        store = Store(settings.store_url.value)
        store.save_deployment(Deployment(
            name=name, service=name, token="cloudgpu-t", provider="vast", account="1", model="Qwen/Qwen3-8B",
            short_name="qwen3-8b", plan_id=None, gpu="RTX 4090", gpu_count=1, gpu_memory_mib=24564, disk_gb=40,
            offer_id="7", machine_id="8", location=None, state=DeploymentState.READY, gpu_usd_per_hour=Decimal(1),
            disk_usd_per_hour=Decimal(0), download_usd=Decimal(0), since=datetime(2026, 3, 1, tzinfo=UTC),
            lease_until=None, health=HEALTH, instance_id="9", launch_digest="d1",
        ))  # fmt: skip
        store.close()

    return begin


def by_name(found):
    (service,) = found["services"]
    return {each["parameter"]: each for each in service["parameters"]}


def test_a_deployment_is_judged_by_what_it_was_started_with_on_the_cards_that_it_has(typed, deployed):
    deployed("chat", "--max-model-len", "100000")
    status, found = typed("chat")
    assert status == 1
    assert by_name(found)["max-model-len"]["verdict"] == "fails"
    assert "RTX 4090" in by_name(found)["devices"]["figure"]
    assert [each["gpus"] for each in typed("chat", "--history")[1]["history"]] == ["1x RTX 4090"]


def test_a_model_is_judged_as_up_would_start_it(typed):
    status, found = typed("qwen-7b", "--gpus", "1x RTX 4090")
    words = {name: each["value"] for name, each in by_name(found).items()}
    plan = planned("qwen-7b")
    args = launch_of(plan, plan.candidates[0], service="chat", api_key=Secret("k")).args
    assert status == 0
    assert words["max-model-len"] == args[args.index("--max-model-len") + 1]
    assert all(each["figure"] for each in by_name(found).values())


def test_the_card_that_was_named_is_not_one_of_that_name_with_twice_its_memory(typed):
    _, found = typed("Qwen/Qwen3-4B", "--gpus", "RTX 3080 12GB")
    assert by_name(found)["devices"]["figure"] == "needs 1; machine: 1x RTX 3080 12 GB"
    with pytest.raises(NothingFitsError):
        typed("Qwen/Qwen3-8B", "--gpus", "RTX 3080 12GB")


def test_a_template_alone_leaves_open_what_a_start_fills_and_with_a_model_nothing(typed):
    alone, filled = typed("vllm")[1], typed("vllm", "--model", "qwen-7b")[1]
    assert by_name(alone)["max-model-len"]["verdict"] == "open"
    assert by_name(alone)["auto-tool-choice"]["verdict"] == "open"
    assert alone["services"][0]["of"] < 15
    assert filled["services"][0]["of"] == 15
    assert {"good", "not set"} == {each["verdict"] for each in by_name(filled).values()}


def test_a_template_of_ones_own_takes_its_variables(typed, tmp_path):
    text = (Path(__file__).parents[3] / "templates" / "vllm.yaml").read_text(encoding="utf-8")
    text = text.replace("environment:", "variables:\n  DTYPE:\n    about: the format\n\nenvironment:")
    (tmp_path / "mine.yaml").write_text(text.replace('"{dtype}"', '"{DTYPE}"'), encoding="utf-8")
    assert by_name(typed("mine.yaml")[1])["dtype"]["verdict"] == "open"
    assert by_name(typed("mine.yaml", "--set", "DTYPE=half")[1])["dtype"]["value"] == "half"
    with pytest.raises(UsageError, match="no variable OTHER"):
        typed("mine.yaml", "--set", "OTHER=1")


def test_a_command_line_is_read_from_stdin_and_told_its_model(typed):
    text = "vllm serve /models/mine --max-model-len 90000"
    assert by_name(typed("-", stdin=text)[1])["max-model-len"]["verdict"] == "good"
    status, found = typed("-", "--model", "qwen-7b", stdin=text)
    assert status == 1
    assert by_name(found)["max-model-len"]["verdict"] == "fails"
    with pytest.raises(UsageError, match="no history"):
        typed("-", "--history", stdin=text)


def test_a_model_is_not_said_twice_and_nothing_is_set_that_has_no_variables(typed):
    with pytest.raises(UsageError, match="names its model itself"):
        typed(PROFILES / "medium-e.yml", "--model", "qwen-7b")
    with pytest.raises(UsageError, match="is a model already"):
        typed("qwen-7b", "--model", "qwen-7b")
    with pytest.raises(UsageError, match="nothing to set"):
        typed("qwen-7b", "--set", "A=1")
    with pytest.raises(NotFoundError, match="no file, deployment, template or model nothing"):
        typed("nothing")
    with pytest.raises(NothingFitsError):
        typed("qwen-32b", "--gpus", "1x RTX 3060 12 GB")


def test_set_gives_a_compose_file_its_variables(typed, tmp_path):
    command = "--model Qwen/Qwen3-8B --max-model-len ${N}"
    text = f"services:\n  a:\n    image: vllm/vllm-openai:v0.25.1\n    command: {command}\n"
    (tmp_path / "a.yml").write_text(text, encoding="utf-8")
    assert by_name(typed("a.yml")[1])["max-model-len"]["verdict"] == "open"
    assert by_name(typed("a.yml", "--set", "N=900000")[1])["max-model-len"]["verdict"] == "fails"


def test_every_profile_has_a_history_of_its_own_that_says_what_changed(typed, tmp_path):
    file = tmp_path / "start.sh"
    for length in ("8192", "16384"):
        file.write_text(f"vllm serve Qwen/Qwen3-8B --max-model-len {length}", encoding="utf-8")
        typed(file)
    typed("qwen-7b")
    history = typed(file, "--history")[1]["history"]
    assert [each["changed"] for each in history] == [[], ["max-model-len: 8192 → 16384"]]
    assert len(typed("qwen-7b", "--history")[1]["history"]) == 1
    assert typed("vllm", "--history")[1]["history"] == []


def test_a_lint_of_a_model_is_of_the_same_set_up(typed):
    done = CliRunner().invoke(app, ["lint", "qwen-7b", "vllm", "--model", "qwen-7b", "--json"])
    assert isinstance(done.exception, UsageError)
    done = CliRunner().invoke(app, ["lint", "qwen-7b", "--json"])
    (file,) = json.loads(done.stdout)["files"]
    assert done.exit_code == 0
    assert file["services"] == ["qwen-7b"]
