"""Command lines as people write them down: prompts, arrays, other ways to start the very same server."""

import pytest

from cloudgpu.base.errors import BadFileError
from cloudgpu.serving.lint.check import is_vllm, lint
from cloudgpu.serving.lint.fixing.fix import fixed
from cloudgpu.serving.lint.reading.shell import read_shell

OPTIONS = "--max-model-len 4096 --port 8001"


@pytest.mark.parametrize(
    "line",
    [
        f"vllm serve Qwen/Qwen3-8B {OPTIONS}",
        f"$ vllm serve Qwen/Qwen3-8B {OPTIONS}",
        f"> vllm serve Qwen/Qwen3-8B {OPTIONS}",
        f"$(which vllm) serve Qwen/Qwen3-8B {OPTIONS}",
        f"exec ~/venv/bin/vllm serve Qwen/Qwen3-8B {OPTIONS}",
        f"nohup python3 -u -m vllm.entrypoints.openai.api_server --model Qwen/Qwen3-8B {OPTIONS} > log 2>&1 &",
        f"python -um vllm.entrypoints.openai.api_server --model Qwen/Qwen3-8B {OPTIONS}",
        f"python -m vllm.entrypoints.cli.main serve Qwen/Qwen3-8B {OPTIONS}",
        f"python /opt/vllm/vllm/entrypoints/openai/api_server.py --model Qwen/Qwen3-8B {OPTIONS}",
        f"MODEL=Qwen/Qwen3-8B; vllm serve $MODEL {OPTIONS}",
        f'CMD=(vllm serve Qwen/Qwen3-8B {OPTIONS})\n"${{CMD[@]}}"',
        'CMD=(\n  vllm serve\n  Qwen/Qwen3-8B\n  --max-model-len 4096\n  --port 8001\n)\nexec "${CMD[@]}"',
        f"vllm serve Qwen/Qwen3-8B \\\r\n  {OPTIONS}\r\n",
        f"numactl -N 0 vllm serve Qwen/Qwen3-8B {OPTIONS}",
    ],
)
def test_however_a_server_is_started_its_arguments_are_the_same(line):
    (service,) = read_shell(line + "\n", {})
    assert is_vllm(service)
    findings = lint(line + "\n", "run.sh", variables={}, version="0.25.1").findings
    assert not [each for each in findings if each.severity.value != "note"]
    (refused,) = [
        each
        for each in lint(line.replace("4096", "999999") + "\n", "run.sh", variables={}, version="0.25.1").findings
        if each.severity.value == "error"
    ]
    assert refused.rule == "V12"


@pytest.mark.parametrize(
    "line", ["ollama serve", "trtllm-serve a/b", "sglang serve --model-path a/b", "llama-server -m a"]
)
def test_a_server_of_another_engine_is_read_and_left_out(line):
    assert lint(line, "run.sh", variables={}).left_out == ("command 1",)


SCRIPT = """
services:
  a:
    image: vllm/vllm-openai:v0.25.1
    entrypoint: ["/bin/bash", "-c"]
    command:
      - |
        #!/bin/bash
        pip install -U vllm && ls /models  # first
        exec vllm serve Qwen/Qwen3-8B \\
          --max-model-len 4096 --enable-prefix-caching True
        sleep infinity
"""


def test_lines_of_a_script_are_commands_of_their_own():
    found = {each.rule for each in lint(SCRIPT, "c.yml", variables={}).findings if each.severity.value == "error"}
    assert found == {"V04"}


def test_a_key_may_stand_in_a_configuration_that_nobody_sees():
    line = "docker run -p 80:8000 vllm/vllm-openai:v0.25.1 --model Qwen/Qwen3-8B"
    for more, severity in (("", "error"), (" --config /etc/vllm.yaml", "warning")):
        found = {each.rule: each.severity.value for each in lint(line + more, "run.sh", variables={}).findings}
        assert found["S01"] == severity


def test_a_configuration_that_nobody_sees_keeps_no_flag_from_being_corrected():
    text = "services:\n  a:\n    image: vllm/vllm-openai:v0.25.1\n    command: --config /c.yaml --swap-space 4\n"
    assert "--swap-space" not in fixed(text, "c.yml", variables={}, host=None, version=None).text


def test_a_manifest_of_kubernetes_is_called_what_it_is():
    text = "apiVersion: v1\nkind: Service\n---\napiVersion: apps/v1\nkind: Deployment\n"
    with pytest.raises(BadFileError, match="Kubernetes"):
        lint(text, "vllm.yaml", variables={})
