"""What lint says beside its verdicts: remedies, hints, and what it makes of half-readable lists of files."""

import json

import pytest
from typer.testing import CliRunner

from cloudgpu.base.errors import BadFileError, UsageError
from cloudgpu.cli.lint import host_of
from cloudgpu.cli.main import app
from cloudgpu.serving.lint.check import lint

QWEN = "vllm serve Qwen/Qwen3-8B"
API_SERVER = (
    "services:\n  v:\n    image: vllm/vllm-openai:v0.25.1\n    entrypoint: [python3, -m, {0}]\n    command: {1}\n"
)


def said(text, rule, name="run.sh", version=None):
    """(message, fix) of the first finding of a rule."""
    found = lint(text, name, variables={}, version=version).findings
    return next((each.message, each.fix) for each in found if each.rule == rule)


def test_a_misspelt_command_is_an_error_though_nothing_tells_its_engine():
    text = "services:\n  v:\n    image: mycorp/llm:1.2\n    comand: vllm serve Qwen/Qwen3-8B --context-length 8192\n"
    report = lint(text, "compose.yml", variables={})
    assert (report.errors, report.left_out) == (1, ("v",))
    assert said(text, "O13", "compose.yml")[1] == "did you mean command?"


@pytest.mark.parametrize(("words", "rule", "fix"), [
    ("--max-model-length 5", "V45", "did you mean --max-model-len?"),
    ("--gpu-memory-utilization 90", "V66", "write 0.9"),
    ("--gpu-memory-utilization 1.2", "V66", "choose another, or leave it out"),
    ("--quux 5", "V45", "is it a flag of another engine, or misspelt?"),
    ("--speculative-model x", "V01", "put it into --speculative-config, as its `model`"),
    ("--distributed-executor-backend ray -tp 8", "V39", "drop the flag (mp serves one machine)"),
    ("--distributed-executor-backend ray -tp 8 -pp 2", "V39",
     "install Ray in an image of your own, or start mp on every machine with --nnodes and --node-rank"),
])  # fmt: skip
def test_the_way_out_is_one(words, rule, fix):
    assert said(f"{QWEN} {words}", rule)[1] == fix


def test_a_bare_command_line_has_no_image_to_name_a_release():
    assert said(f"{QWEN} --swap-space 4", "V01")[0].endswith("no release is named: 0.33.0 taken")


def test_the_ready_timeout_outlasts_the_download_that_it_is_raised_for():
    message, fix = said("vllm serve deepseek-ai/DeepSeek-V3 -dp 8", "O09")
    download_s, timeout_s = int(message.split()[-2]), int(fix.rpartition("=")[2])
    assert 600 < download_s < timeout_s


def test_vllm_serve_behind_an_api_server_is_no_model_of_that_name():
    text = API_SERVER.format("vllm.entrypoints.openai.api_server", "vllm serve Qwen/Qwen3-4B")
    assert said(text, "V09", "compose.yml")[1] == "drop `vllm serve`, and name the model by --model"


def test_a_float16_that_is_refused_is_not_said_to_overflow():
    assert "is refused" in said("vllm serve google/gemma-3-12b-it --dtype half", "V35")[0]


def test_a_tab_is_called_a_tab():
    with pytest.raises(BadFileError) as caught:
        lint("services:\n  a:\n\timage: x\n", "compose.yml", variables={})
    assert caught.value.hint == "YAML is indented by spaces: replace the tab"


def test_a_release_beyond_what_is_known_is_said():
    assert "newer than 0.33.0" in said(QWEN, "O16", version="0.99.0")[0]
    assert not [each for each in lint(QWEN, "run.sh", variables={}).findings if each.rule == "O16"]


@pytest.mark.parametrize(
    ("typed", "count"), [("2xRTX3090", 2), ("2x RTX 3090", 2), ("2 x RTX 3090", 2), ("RTX 3090", 1)]
)
def test_cards_are_counted_however_closely_they_are_written(typed, count):
    host = host_of(typed)
    assert host is not None
    assert (host.gpu.name, host.count) == ("RTX 3090", count)


@pytest.mark.parametrize("typed", ["0x RTX 3090", "0xRTX3090", "two x RTX 3090", "x RTX 3090", "-1x RTX 3090"])
def test_no_cards_are_refused_for_their_number(typed):
    with pytest.raises(UsageError, match="names no cards"):
        host_of(typed)


def test_a_file_that_cannot_be_read_hides_no_other(tmp_path, monkeypatch):
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    good, bad = tmp_path / "a.sh", tmp_path / "bad.yml"
    good.write_text(f"{QWEN} --contxt 4\n")
    bad.write_text("services: [\n")
    done = CliRunner().invoke(app, ["lint", str(bad), str(good), "--format", "sarif"])
    assert isinstance(done.exception, BadFileError)
    assert [each["ruleId"] for each in json.loads(done.stdout)["runs"][0]["results"]] == ["V45"]
