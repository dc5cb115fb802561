"""vLLM's own argument definitions as the judge: what lint calls an error they refuse, what --fix writes they take."""

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import yaml
from download_engines import RELEASES, wheel_of
from engine_parser import read_parser
from lint_profiles import PROFILES
from test_rules import COMMANDS

from cloudgpu.serving.lint.check import lint
from cloudgpu.serving.lint.fixing.fix import fixed
from cloudgpu.serving.lint.reading.compose import read_compose
from cloudgpu.serving.lint.releases.flag_table import BOOLEANS, Presence, flags, presence, release_of

pytestmark = pytest.mark.engine
OF_THE_PARSER = {"V01", "V02", "V04", "V05", "V06", "V07", "V43", "V45", "V46", "V65"}
LATER = re.compile(r"--max-lora-rank 24|--kv-cache-dtype (q8_0|int4)|--hf-overrides \{max")
"""What the parser lets through and the engine's configuration refuses, in one of the two releases."""


@cache
def parser(release):
    wheel = wheel_of(release)
    if wheel is None:
        pytest.skip(f"no wheel of vLLM {release}: python tests/serving/lint/download_engines.py")
    return read_parser(wheel)


@pytest.mark.parametrize("release", RELEASES)
def test_the_table_of_flags_is_the_releases_own(release):
    ours = {flag for flag in flags() if presence(flag, release_of(release)) is Presence.PRESENT}
    theirs = {flag for flag in parser(release).flags if not flag.startswith("--no-")}
    assert theirs - ours <= {"--help"}
    assert {flag for flag in ours - theirs - {"--help"} if not flag.startswith("--guided-decoding")} == set()
    assert parser(release).switches - {"--help"} <= BOOLEANS
    assert not BOOLEANS & (parser(release).flags - parser(release).switches)


@pytest.mark.parametrize("release", RELEASES)
def test_a_command_is_refused_exactly_where_lint_says_so(release):
    commands = {command for row in COMMANDS for command in (row[1], row[3]) if not LATER.search(command)}
    for command in sorted(commands):
        words = [word for word in shlex.split(command) if word not in ("vllm", "serve")]
        text = yaml.safe_dump({"services": {"e": {"image": f"vllm/vllm-openai:v{release}", "command": words}}})
        found = lint(text, "compose.yml", variables={}).findings
        said = [each.message for each in found if each.rule in OF_THE_PARSER and each.severity.value == "error"]
        refusal = parser(release).refusal(words, by_module=release_of(release) < (0, 14))
        assert bool(said) == bool(refusal), (command, said, refusal)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("profile", sorted(PROFILES.glob("*.yml")), ids=lambda path: path.stem)
def test_a_profile_is_refused_as_published_and_taken_after_fix(profile, release):
    text = profile.read_text(encoding="utf-8")
    after = fixed(text, profile.name, variables={}, host=None, version=release).text
    assert any(parser(release).refusal(words) for words in _commands(text))
    for words in _commands(after):
        assert parser(release).refusal(words) is None, words


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("model", ["qwen-14b", "Qwen/Qwen3-32B-AWQ", "Qwen/Qwen3-VL-32B-Instruct-FP8", "mistral"])
def test_the_command_line_that_render_writes_is_taken(model, release, tmp_path, monkeypatch):
    from typer.testing import CliRunner  # only where a judge is at hand

    from cloudgpu.cli.main import app

    parser(release)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    out = tmp_path / "compose.yml"
    words = ["render", model, "--as", "compose", "--engine-version", release, "--output", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    for command in _commands(Path(out).read_text(encoding="utf-8")):
        assert parser(release).refusal(command) is None, command


def _commands(text):
    for service in read_compose(text, {}):
        words = [word.text for word in service.words]
        yield words[2:] if words[:2] == ["vllm", "serve"] else words
