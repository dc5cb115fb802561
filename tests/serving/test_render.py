"""The same launch in every format: complete, runnable by its own tool, and without a secret in it."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cloudgpu.cli.main import app
from cloudgpu.serving.lint.check import lint
from cloudgpu.serving.render.cards import dstack_name, skypilot_name
from cloudgpu.serving.template_folders import find_template

FORMS = ["compose", "docker", "vast", "runpod", "skypilot", "dstack", "k8s"]


@pytest.mark.parametrize("form", FORMS)
def test_every_format_holds_image_model_and_flags_and_no_secret(render, form):
    text = render(form, "--quantization", "awq", "--kv-cache-dtype", "fp8")
    for word in ("vllm/vllm-openai:v", "Qwen/Qwen2.5-14B-Instruct-AWQ", "--kv-cache-dtype", "VLLM_API_KEY"):
        assert word in text
    assert "named, never written" not in text


def test_what_up_can_be_asked_render_can_be_asked(render, tmp_path):
    own = Path(find_template("vllm").origin).read_text(encoding="utf-8").replace("{context}", "{WINDOW}")
    text = own.replace("arguments:", "variables:\n  WINDOW: {about: tokens, default: 4096}\narguments:", 1)
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    told = render("compose", "--template", str(tmp_path / "mine.yaml"), "--set", "WINDOW=2048", "--tools")
    command = next(iter(yaml.safe_load(told)["services"].values()))["command"]
    assert command[command.index("--max-model-len") + 1] == "2048"
    assert "--tool-call-parser" in command


def test_compose_passes_our_own_checks(render):
    report = lint(render("compose"), "compose.yml", variables={})
    assert [each.message for each in report.findings if each.severity == "error"] == []


@pytest.mark.parametrize("form", ["docker", "vast", "runpod"])
def test_a_script_is_one_the_shell_reads(render, form, tmp_path):
    (tmp_path / "it.sh").write_text(render(form))
    assert subprocess.run(["sh", "-n", str(tmp_path / "it.sh")], check=False).returncode == 0


def test_what_docker_is_told_is_what_compose_says(render, tmp_path):
    script = render("docker").replace("docker run", f"{shlex.quote(str(tmp_path / 'docker'))} run")
    (tmp_path / "docker").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "docker").chmod(0o755)
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    (service,) = yaml.safe_load(render("compose"))["services"].values()
    assert told[told.index(service["image"]) + 1 :] == service["command"]


def test_runpods_body_is_json_once_the_shell_has_filled_it_in(render, tmp_path):
    (tmp_path / "curl").write_text("#!/bin/sh\ncat\n")
    (tmp_path / "curl").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "VLLM_API_KEY": "k-1", "RUNPOD_API_KEY": "r"}
    command = ["sh", "-c", render("runpod", "--context", "65536"), "sh", "NVIDIA L40S"]
    body = json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert body["gpu"]["id"] == "NVIDIA L40S"
    assert body["env"]["VLLM_API_KEY"] == "k-1"
    assert any("max_position_embeddings" in word for word in body["cmd"])


def test_kubernetes_gets_a_claim_a_deployment_and_a_service_that_is_not_called_vllm(render):
    claim, deployment, service = yaml.safe_load_all(render("k8s", "--name", "vllm"))
    assert [each["kind"] for each in (claim, deployment, service)] == [
        "PersistentVolumeClaim", "Deployment", "Service",
    ]  # fmt: skip
    assert service["metadata"]["name"] == "serve-vllm"
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] >= 600
    assert deployment["spec"]["selector"]["matchLabels"].items() <= (
        deployment["spec"]["template"]["metadata"]["labels"].items()
    )


def test_a_skypilot_task_ends_rather_than_serve_without_its_key(render, tmp_path):
    run = yaml.safe_load(render("skypilot"))["run"]
    (tmp_path / "vllm").write_text("#!/bin/sh\necho serving\n")
    (tmp_path / "vllm").chmod(0o755)
    for key, serves in (("", False), ("k", True)):
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "VLLM_API_KEY": key}
        done = subprocess.run(["bash", "-c", run], env=environment, capture_output=True, text=True, check=False)
        assert ("serving" in done.stdout) == serves


def test_cards_have_the_names_that_the_tools_give_them():
    assert [skypilot_name(gpu) for gpu in ("RTX 4090", "A100 SXM4 80GB", "H100 SXM", "L40S")] == [
        "RTX4090", "A100-80GB", "H100", "L40S",
    ]  # fmt: skip
    assert [dstack_name(gpu) for gpu in ("RTX 4090", "A100 SXM4 80GB", "H100 SXM", "L40S")] == [
        "RTX4090", "A100", "H100", "L40S",
    ]  # fmt: skip


def test_the_command_is_known_by_its_name():
    assert "render" in CliRunner().invoke(app, ["--help"]).output
