"""Every form a profile comes in: compose files with variables, shell lines, docker run; and what is no profile."""

import json
from contextlib import suppress

import pytest

from cloudgpu.base.errors import BadFileError, UsageError
from cloudgpu.serving.lint.check import lint
from cloudgpu.serving.lint.fixing.fix import fixed
from cloudgpu.serving.lint.formats import as_github, as_sarif
from cloudgpu.serving.lint.reading.variables import UNKNOWN, env_file, expand


def rules(text, name="run.sh", variables=None, **kw):
    return {each.rule for each in lint(text, name, variables=variables or {}, **kw).findings}


def test_a_shell_line_with_continuations_and_comments_is_one_command():
    text = "# start it\nvllm serve Qwen/Qwen3-32B-AWQ \\\n  --max-model-len 8192 \\\n  --enable-reasoning  # think\n"
    (each,) = [f for f in lint(text, "run.sh", variables={}).findings if f.rule == "V01"]
    assert each.at.line == 4


def test_docker_run_is_read_with_its_ports_and_environment():
    text = (
        "docker run -d --gpus all --ipc=host -p 8000:8000 -e VLLM_API_KEY=$KEY vllm/vllm-openai:v0.25.1 "
        "--model Qwen/Qwen3-8B --swap-space 4"
    )
    assert {"V01", "S02"} <= rules(text)
    assert "S01" in rules(text.replace("-e VLLM_API_KEY=$KEY ", ""))


def test_the_old_entrypoint_and_variables_of_the_script_are_understood():
    text = (
        "MODEL=Qwen/Qwen3-32B-AWQ\npython -m vllm.entrypoints.openai.api_server --model $MODEL --tensor-parallel-size 3"
    )
    assert "V25" in rules(text)


def test_the_release_of_a_command_line_is_the_one_that_is_named():
    text = "vllm serve Qwen/Qwen3-8B --enable-reasoning --reasoning-parser qwen3"
    assert "V01" not in rules(text, version="0.9.2")
    assert "V01" in rules(text, version="0.10.0")
    with pytest.raises(UsageError):
        rules(text, version="yesterday")


def test_variables_are_expanded_as_compose_does():
    known = {"A": "1", "EMPTY": ""}
    assert expand("${A:-2} ${B:-2} ${EMPTY:-3} ${EMPTY-4} $A $$A ${B:+x}${A:+y}", known) == "1 2 3  1 $A y"
    assert expand("${B}", known) == UNKNOWN
    assert env_file("# no\nexport A='1'\nB=two words\n") == {"A": "1", "B": "two words"}


def test_a_value_that_nobody_can_see_is_never_called_wrong():
    command = "--model ${MODEL} --dtype ${DTYPE} --port ${PORT}"
    text = f"services: {{a: {{image: 'vllm/vllm-openai:v0.25.1', command: '{command}'}}}}"
    assert not {"V06", "V45", "V46", "O04"} & rules(text, "c.yml")


def test_services_that_are_no_vllm_are_named_and_left_alone():
    text = "services: {db: {image: postgres}, a: {image: 'vllm/vllm-openai:v0.25.1', command: --model Qwen/Qwen3-8B}}"
    report = lint(text, "c.yml", variables={})
    assert (report.checked, report.left_out) == (("a",), ("db",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services:\n  a: [", "line 2"),
        ("services:\n  a:\n    image: x\n    command:\n      --model a  # why\n      --port 1\n", "line 6"),
        ("version: '3'\n", "no `services:`"),
        ('services: {a: {image: vllm, command: "--model \'a"}}', "never closed"),
    ],
)
def test_what_is_no_compose_file_is_one_sentence_with_its_line(text, words):
    with pytest.raises(BadFileError) as refusal:
        lint(text, "c.yml", variables={})
    assert words in f"{refusal.value.message} {refusal.value.hint}"


def test_a_file_that_starts_no_server_is_refused():
    with pytest.raises(UsageError, match="starts a model server"):
        lint("echo hello", "run.sh", variables={})


@pytest.mark.parametrize(
    ("comment", "silent"),
    [
        ("command: --model Qwen/Qwen3-8B --swap-space 4  # cloudgpu: ignore V01 tested", True),
        ("# cloudgpu: ignore V01, V99 tested\n    command: --model Qwen/Qwen3-8B --swap-space 4", True),
        ("command: --model Qwen/Qwen3-8B --swap-space 4  # cloudgpu: ignore V02", False),
        ("# cloudgpu: ignore V01\n    restart: 'no'\n    command: --model Qwen/Qwen3-8B --swap-space 4", False),
        ("# cloudgpu: ignore-file V01\n    restart: 'no'\n    command: --model Qwen/Qwen3-8B --swap-space 4", True),
    ],
)
def test_a_finding_is_ignored_where_the_file_says_so(comment, silent):
    text = f"services:\n  a:\n    image: vllm/vllm-openai:v0.25.1\n    {comment}\n"
    assert ("V01" not in rules(text, "c.yml")) == silent


def test_two_servers_on_one_card_must_share_it():
    one = "{{image: 'vllm/vllm-openai:v0.25.1', command: '--model Qwen/Qwen3-1.7B --gpu-memory-utilization {}', "
    one += "deploy: {{resources: {{reservations: {{devices: [{{device_ids: ['{}']}}]}}}}}}}}"
    shared = f"services: {{a: {one.format(0.9, 1)}, b: {one.format(0.9, 1)}}}"
    assert "V27" in rules(shared, "c.yml")
    assert "V27" not in rules(f"services: {{a: {one.format(0.9, 1)}, b: {one.format(0.9, 2)}}}", "c.yml")
    assert "V27" not in rules(f"services: {{a: {one.format(0.4, 1)}, b: {one.format(0.4, 1)}}}", "c.yml")


def test_sarif_and_github_name_file_line_and_rule():
    text = "vllm serve Qwen/Qwen3-8B --swap-space 4"
    report = lint(text, "run.sh", variables={}, version="0.25.1")
    sarif = as_sarif({"run.sh": report}, "1.0")
    (result,) = [each for each in sarif["runs"][0]["results"] if each["ruleId"] == "V01"]
    assert result["level"] == "error"
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 1
    assert {each["ruleId"] for each in sarif["runs"][0]["results"]} <= {
        rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]
    }
    json.dumps(sarif)
    assert any(line.startswith("::error file=run.sh,line=1,title=V01::") for line in as_github("run.sh", report))


@pytest.mark.parametrize(
    "start",
    [
        "screen -dmS vllm bash -c 'source venv/bin/activate && {} 2>&1 | tee log'",
        'tmux new-session -d -s vllm "{}"',
        'docker exec -it box bash -lc "{}"',
        "ExecStart=-/opt/venv/bin/{}",
        "uv run {} &",
        "OUT=$(date | md5sum) {} --api-key $(cat key | head -1)",
    ],
)
def test_a_server_is_found_inside_what_starts_it(start):
    (finding,) = [
        each
        for each in lint(start.format("vllm serve Qwen/Qwen3-8B --swap-space 4"), "run.sh", variables={}).findings
        if each.rule in ("V01", "V46")
    ]
    assert finding.rule == "V01"


def test_compose_is_no_shell_and_stops_at_operators_outside_quotes():
    command = "--model Qwen/Qwen3-8B --served-model-name 'a|b' 2>&1 | tee log"
    assert "V46" not in rules(f"services: {{a: {{image: 'vllm/vllm-openai:v0.25.1', command: {command!r}}}}}", "c.yml")
    literal = "services:\n  a:\n    image: vllm/vllm-openai:v0.25.1\n    command: |\n      --model Qwen/Qwen3-8B \\\n"
    (finding,) = [
        each for each in lint(literal + "      --port 8000\n", "c.yml", variables={}).findings if each.rule == "V46"
    ]
    assert "`--port` is refused" in finding.message


@pytest.mark.parametrize("unseen", ["env_file: keys.env", "command: --model Qwen/Qwen3-8B ${MORE}"])
def test_what_nobody_can_see_may_hold_the_key(unseen):
    text = f"services:\n  a:\n    image: vllm/vllm-openai:v0.25.1\n    ports: ['8000:8000']\n    {unseen}\n"
    (finding,) = [each for each in lint(text, "c.yml", variables={}).findings if each.rule == "S01"]
    assert finding.severity == "warning"


def test_a_health_check_is_as_patient_as_its_start_period_and_retries_together():
    text = "services: {{a: {{image: 'vllm/vllm-openai:v0.25.1', command: --model x, healthcheck: {{test: curl, {}}}}}}}"
    assert "O05" in rules(text.format("interval: 30s"), "c.yml")
    assert "O05" not in rules(text.format("interval: 30s, retries: 20"), "c.yml")


def test_a_number_in_a_list_of_words_is_put_into_quotes():
    text = "services:\n  a:\n    image: vllm/vllm-openai:v0.25.1\n    command: [--model, Qwen/Qwen3-8B, --port, 8000]\n"
    assert "O15" in rules(text, "c.yml")
    after = fixed(text, "c.yml", variables={}, host=None, version=None).text
    assert "--port, '8000']" in after
    assert "O15" not in rules(after, "c.yml")


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("image: a\n    image: b", "line 4, column 5: `image` stands twice, first in line 3"),
        ("command: {model: x}", "line 3, column 5: `command` of a must be a text or a list"),
        ("image: a\n    ports: 8000", "line 4, column 5: `ports` of a must be a list"),
        ("image: a\n    deploy: 2", "line 4, column 5: `deploy` of a must be a mapping"),
        ("image: *nothing", "line 3, column 12: found undefined alias 'nothing'"),
    ],
)
def test_what_compose_refuses_is_one_sentence_with_line_and_column(service, words):
    with pytest.raises(BadFileError) as refusal:
        lint(f"services:\n  a:\n    {service}\n", "c.yml", variables={})
    assert words in refusal.value.message


@pytest.mark.parametrize("form", ["{0}: {1}", "- {0}={1}"])
def test_a_secret_is_found_at_its_own_line(form):
    rows = "\n      ".join(form.format(*each) for each in (("A", "b"), ("AWS_SECRET_ACCESS_KEY", "AKIA123456789")))
    text = f"services:\n  a:\n    image: vllm/vllm-openai:v0.25.1\n    environment:\n      {rows}\n"
    (finding,) = [each for each in lint(text, "c.yml", variables={}).findings if each.rule == "S09"]
    assert finding.at.line == 6


def test_anchors_and_null_values_are_taken_as_compose_takes_them():
    base = "x-a: &a {image: 'vllm/vllm-openai:v0.25.1'}\n"
    assert "V01" in rules(f"{base}services:\n  a:\n    <<: *a\n    ports:\n    command: --swap-space 4\n", "c.yml")


@pytest.mark.parametrize("text", ["vllm serve' Qwen/Qwen3-8B", "vllm serve", "tmux new 'vllm serve", "x -m"])
def test_a_broken_command_is_a_finding_or_a_sentence_never_a_crash(text):
    with suppress(UsageError, BadFileError):
        lint(text, "run.sh", variables={})


@pytest.mark.parametrize("command", [
    "--model Qwen/Qwen3-8B --swap-space 4", "[--model, Qwen/Qwen3-8B, --swap-space, '4']",
    "\n    - --model\n    - Qwen/Qwen3-8B\n    - --swap-space\n    - '4'",
])  # fmt: skip
def test_a_command_that_a_merge_key_brings_is_read_where_it_stands(command):
    text = f"x-b: &b\n  image: vllm/vllm-openai:v0.25.1\n  command: {command}\nservices:\n  v:\n    <<: *b\n"
    (gone,) = [each for each in lint(text, "compose.yml", variables={}).findings if each.rule == "V01"]
    assert 3 <= gone.at.line < text.count("\n") - 2


def test_of_what_is_inherited_the_service_s_own_and_then_the_first_counts():
    text = (
        "x-a: &a\n  command: --model Qwen/Qwen3-8B --swap-space 4\n  comand: [x]\n"
        "x-b: &b\n  image: vllm/vllm-openai:v0.25.1\n  command: --model Qwen/Qwen3-8B\n"
    )
    first = f"{text}services:\n  v:\n    <<: [*b, *a]\n"
    own = f"{text}services:\n  v:\n    <<: [*a, *b]\n    command: [--model, Qwen/Qwen3-8B]\n"
    assert "V01" not in rules(first, "compose.yml")
    assert "V01" not in rules(own, "compose.yml")
    assert "V01" in rules(f"{text}services:\n  v:\n    <<: [*a, *b]\n", "compose.yml")
    assert "O13" in rules(own, "compose.yml")
