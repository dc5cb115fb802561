"""What `--fix` writes: the change that was meant, in the file's own style, and nothing else."""

import itertools
import shlex

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from lint_profiles import PROFILES

from cloudgpu.serving.lint.check import lint
from cloudgpu.serving.lint.fixing.fix import fixed
from cloudgpu.serving.lint.reading.variables import env_file

IMAGE = "vllm/vllm-openai:v0.25.1"
OLD = [
    "--model",
    "Qwen/Qwen3-8B",
    "--swap-space",
    "4",
    "--enable-reasoning",
    "--served-model-name",
    "it's: é",
    "--device",
    "cuda",
]
NEW = ["--model", "Qwen/Qwen3-8B", "--served-model-name", "it's: é"]
KEY = "${VLLM_API_KEY:?set a key}"


def corrected(text, host=None):
    return fixed(text, "c.yml", variables={}, host=host, version=None)


def quoted(word):
    return "'" + word.replace("'", "''") + "'"


COMMANDS = {
    "block list": lambda: "\n" + "".join(f"      - {quoted(each)}  # why {n}\n" for n, each in enumerate(OLD)),
    "outdented list": lambda: "\n" + "".join(f"    - {quoted(each)}\n" for each in OLD),
    "flow list": lambda: f" [{', '.join(map(quoted, OLD))}]  # all of it\n",
    "flow over lines": lambda: " [\n" + ",\n".join(f"      {quoted(each)}" for each in OLD) + ",\n    ]\n",
    "line": lambda: f" {quoted(shlex.join(OLD))}  # all of it\n",
    "folded": lambda: f" >-\n      {shlex.join(OLD[:2])}\n      {shlex.join(OLD[2:])}\n\n",
    "literal": lambda: f" |\n      {shlex.join(OLD)}\n",
    "alias": lambda: " *command\n",
}  # fmt: skip
ENVIRONMENTS = {
    "none": (None, None), "empty": ("    environment:  # of ours\n", None),
    "flow": ("    environment: {A: b}\n", {"A": "b"}),
    "quoted flow": ('    environment: {A: "${A}"}   # tokens\n', {"A": "${A}"}),
    "block": ("    environment:\n      # of ours\n      A: b\n", {"A": "b"}),
    "list": ("    environment:\n      - A=b\n", ["A=b"]),
    "flow list": ("    environment: [A]\n", ["A"]), "anchored": ("    environment: &env\n      A: b\n", {"A": "b"}),
    "empty flow": ("    environment: {}\n", {}), "alias": ("    environment: *env0\n", {"Z": "y"}),
    "merged": ("    environment:\n      <<: *env0\n      A: b\n", {"Z": "y", "A": "b"}),
}  # fmt: skip


@given(
    command=st.sampled_from(sorted(COMMANDS)), environment=st.sampled_from(sorted(ENVIRONMENTS)),
    order=st.permutations(range(4)), line_end=st.sampled_from(["\n", "\r\n"]), ends=st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_same_content_in_any_style_is_corrected_to_the_same_content(command, environment, order, line_end, ends):
    rows, given_environment = ENVIRONMENTS[environment]
    parts = [
        f"    image: {IMAGE}\n",
        f"    command:{COMMANDS[command]()}",
        rows or "",
        "    ports: ['8000:8000'] # all\n",
    ]
    text = f"# top\nx-c: &command [{', '.join(map(quoted, OLD))}]\nx-e: &env0 {{Z: y}}\nservices:\n  v:\n"
    text += "".join(parts[each] for each in order) + "  # the other\n  web: {image: 'nginx:1'}\n"
    text = (text if ends else text.rstrip("\n")).replace("\n", line_end)
    after = corrected(text)
    body = yaml.safe_load(text)
    wanted = [f"VLLM_API_KEY={KEY}", *given_environment] if isinstance(given_environment, list) else {
        **(given_environment or {}), "VLLM_API_KEY": KEY,
    }  # fmt: skip
    service = {**body["services"]["v"], "command": NEW, "environment": wanted}
    assert yaml.safe_load(after.text) == {**body, "services": {**body["services"], "v": service}}
    assert after.left == ()
    assert after.text.count("\n") == after.text.count(line_end)
    for comment in ("# top", "# all", "# the other", "# of ours", "# tokens", "# why 0"):
        assert (comment in text) == (comment in after.text), comment
    assert corrected(after.text).text == after.text
    assert lint(after.text, "c.yml", variables={}).errors == 0


def test_a_service_in_one_line_stays_in_one_line():
    text = f'services:\n  v: {{image: "{IMAGE}", command: ["--model", "Qwen/Qwen3-8B", "--enable-reasoning"], '
    text += 'environment: {HF_TOKEN: ""}, ports: ["8000:8000"]}\n'
    after = corrected(text)
    assert yaml.safe_load(after.text)["services"]["v"]["command"] == ["--model", "Qwen/Qwen3-8B"]
    assert yaml.safe_load(after.text)["services"]["v"]["environment"] == {"HF_TOKEN": "", "VLLM_API_KEY": KEY}
    assert after.text.count("\n") == 2


def test_a_command_that_two_services_share_is_changed_for_the_one_that_needs_it():
    text = f"x: &cmd [--model, Qwen/Qwen3-8B, --swap-space, '4']\nservices:\n  v: {{image: '{IMAGE}', command: *cmd}}\n"
    text += "  w:\n    image: vllm/vllm-openai:v0.11.0\n    command: *cmd\n"
    after = corrected(text)
    assert yaml.safe_load(after.text)["services"]["v"]["command"] == ["--model", "Qwen/Qwen3-8B"]
    assert yaml.safe_load(after.text)["services"]["w"] == yaml.safe_load(text)["services"]["w"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x: &v {image: IMAGE, command: --model a/b --swap-space 4}\nservices:\n  v: *v\n", "is an alias"),
        ("services:\n  v: &v {image: IMAGE, command: --model a/b --swap-space 4}\n"
         "  w: {<<: *v, image: 'vllm/vllm-openai:v0.11.0'}\n", "share it by an anchor"),
        ("services:\n  v:\n    image: IMAGE\n    command: --model a/b --swap-space 4 $MORE\n", "several words"),
        ("services:\n  v:\n    image: IMAGE\n    command: [--model, a/b, --max-model-len, ~, --swap-space, '4']\n",
         "line 4 holds an item that is no text"),
        ("services:\n  v:\n    image: IMAGE\n    command: [--model, a/b, --seed: 1, --swap-space, '4']\n",
         "line 4 holds an item that is no text"),
        ("services:\n  v:\n    image: IMAGE\n    entrypoint: []\n"
         "    command: bash -c 'vllm serve a/b --swap-space 4'\n", "a shell starts the server"),
    ],
)  # fmt: skip
def test_what_cannot_be_changed_safely_is_left_as_it_is_and_said(text, why):
    text = text.replace("IMAGE", f"'{IMAGE}'")
    after = corrected(text)
    assert after.text == text
    assert any(why in each for each in after.left), after.left


def test_no_word_that_no_finding_names_is_lost():
    text = (
        f"services:\n  v:\n    image: {IMAGE}\n    command: --model a/b extra --swap-space 4 last --port 8000 ';' # x\n"
    )
    assert yaml.safe_load(corrected(text).text)["services"]["v"]["command"] == shlex.split(
        "--model a/b extra last --port 8000 ';'"
    )


def test_what_compose_does_not_read_of_a_line_does_not_become_an_argument():
    text = f"services:\n  v:\n    image: {IMAGE}\n    command: --model a/b --swap-space 4 2>&1 | tee log\n"
    assert yaml.safe_load(corrected(text).text)["services"]["v"]["command"] == ["--model", "a/b"]


def test_an_environment_that_comes_by_a_merge_keeps_its_variables():
    text = f"x: &b\n  image: {IMAGE}\n  environment: {{A: b}}\nservices:\n  v:\n    <<: *b\n    command: --model a/b\n"
    after = corrected(text + "    ports: ['8000:8000']\n")
    assert yaml.safe_load(after.text)["services"]["v"]["environment"] == {"A": "b", "VLLM_API_KEY": KEY}


def test_the_context_is_shortened_last(cards):
    text, host = (PROFILES / "medium-c.yml").read_text(), cards("RTX 4090", 2)
    assert {"V11", "V29"} <= {each.rule for each in lint(text, "c.yml", variables={}, host=host).findings}
    (service,) = yaml.safe_load(corrected(text, host).text)["services"].values()
    words = dict(itertools.pairwise(service["command"]))
    assert (words["--max-model-len"], words["--max-num-batched-tokens"]) == ("70000", "8192")


FROM_FILE = (
    f"services:\n  v:\n    image: {IMAGE}\n    env_file: ENV\n    command: --model a/b\n    ports: ['8000:8000']\n"
)


@pytest.mark.parametrize("form", ["one.env", "[one.env]", "[{path: one.env, required: false}]", "[empty.env, one.env]"])
def test_a_key_in_an_env_file_is_a_key_and_nothing_is_written_over_it(form, tmp_path):
    (tmp_path / "one.env").write_text("# ours\nexport VLLM_API_KEY='sk-abcdefghijklmnop' # mine\n")
    (tmp_path / "empty.env").write_text("VLLM_API_KEY=\n")
    text = FROM_FILE.replace("ENV", form)
    rules = {each.rule for each in lint(text, "c.yml", variables={}, folder=tmp_path).findings}
    assert not {"S01", "S09", "O17"} & rules
    assert fixed(text, "c.yml", variables={}, host=None, version=None, folder=tmp_path).text == text


def test_an_env_file_is_read_with_its_quotes_and_comments():
    text = "# A=0\nA=b # c\nexport B='d # e' # f\nC=\"g\" \nD=h#i\nE=\n F = j k \nG= # l\n"
    assert env_file(text) == {"A": "b", "B": "d # e", "C": "g", "D": "h#i", "E": "", "F": "j k", "G": ""}


@pytest.mark.parametrize(
    ("form", "speaks"), [("gone.env", True), ("[{path: gone.env, required: false}]", False), ("$WHERE/x.env", False)]
)
def test_an_env_file_that_is_not_there_is_an_error_where_compose_needs_it(form, speaks, tmp_path):
    text = FROM_FILE.replace("ENV", form)
    assert ("O17" in {each.rule for each in lint(text, "c.yml", variables={}, folder=tmp_path).findings}) == speaks


def test_no_key_is_written_where_a_file_that_nobody_could_read_may_hold_one():
    assert corrected(FROM_FILE.replace("ENV", "one.env")).text == FROM_FILE.replace("ENV", "one.env")


def test_a_flag_and_its_value_in_one_item_become_two():
    items = "['--model a/b', '--max-model-len 8192', --enforce-eager]"
    text = f"services:\n  v:\n    image: {IMAGE}\n    command: {items}\n"
    command = yaml.safe_load(corrected(text).text)["services"]["v"]["command"]
    assert command == ["--model", "a/b", "--max-model-len", "8192", "--enforce-eager"]


def test_a_misspelt_key_is_spelt_rightly_and_what_it_hid_is_corrected_too():
    text = f"services:\n  v:\n    image: {IMAGE}\n"
    text += "    comand: [--model, a/b, --swap-space, '4'] # ours\n    enviroment: {A: b}\n"
    after = corrected(text).text
    assert yaml.safe_load(after)["services"]["v"] == {
        "image": IMAGE, "command": ["--model", "a/b"], "environment": {"A": "b"}
    }  # fmt: skip
    assert "# ours" in after


def test_a_misspelt_key_beside_the_right_one_is_left():
    text = f"services:\n  v:\n    image: {IMAGE}\n    comand: --model a/b\n    command: --model c/d\n"
    after = corrected(text)
    assert (after.text, len(after.left)) == (text, 1)


def test_a_task_that_embeds_becomes_a_runner_and_a_conversion():
    text = f"services:\n  v:\n    image: {IMAGE}\n    command: --model BAAI/bge-m3 --task embed --port 8000\n"
    command = yaml.safe_load(corrected(text).text)["services"]["v"]["command"]
    assert command == ["--model", "BAAI/bge-m3", "--port", "8000", "--runner", "pooling", "--convert", "embed"]
