"""What the lint tests share: a service around a command line, and the rules that a text breaks."""

import sys
import textwrap
from pathlib import Path

import pytest

from cloudgpu.serving.lint.case import Host
from cloudgpu.serving.lint.check import lint
from cloudgpu.sizing.gpus import find_gpu

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def cards():
    """`cards("RTX 4090", 2)` is a host."""
    return lambda name, count=1, ram_gib=None: Host(gpu=find_gpu(name), count=count, ram_gib=ram_gib)


@pytest.fixture
def found():
    """The findings of one command behind an image of a release: {rule: severity}."""

    def run(command, *, release="0.25.1", host=None, around=""):
        image = f"vllm/vllm-openai:v{release}" if release else "vllm/vllm-openai:latest"
        text = f"services:\n  engine:\n    image: {image}\n    command: >\n      {command}\n"
        text += textwrap.indent(textwrap.dedent(around), "    ")
        report = lint(text, "compose.yml", variables={}, host=host)
        return {each.rule: each.severity.value for each in report.findings}

    return run
