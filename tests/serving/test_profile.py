"""Profiles of files, templates and deployments: compared without values, kept, and given back."""

import json
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cloudgpu.base.errors import NotFoundError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.cli.main import app
from cloudgpu.cli.profile.files import keep_launches, launched
from cloudgpu.serving.asked import AskedWords
from cloudgpu.serving.launch import HealthCheck, LaunchRequest
from cloudgpu.serving.lint.reading.compose import read_compose
from cloudgpu.serving.lint.reading.service import Service, Word
from cloudgpu.serving.profile import Profile, differences, of_launch, of_service
from cloudgpu.serving.render.compose import compose_text, profile_text
from cloudgpu.serving.render.setup import setup_of
from tests.serving.planning import planned

ONE = (
    "services:\n  a:\n    image: vllm/vllm-openai:v0.25.1\n    command: --model Qwen/Qwen3-8B -tp 2 --api-key sk-mine\n"
)
TWO = ONE.replace("v0.25.1", "v0.26.0").replace("-tp 2", "--tensor-parallel-size=2 --max-model-len 8192")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """One `cloudgpu profile` command in a folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yml").write_text(ONE, encoding="utf-8")
    (tmp_path / "two.yml").write_text(TWO, encoding="utf-8")

    def typed(*words):
        return CliRunner().invoke(app, ["profile", *words])

    return typed


def launch(**more):
    fields = {
        "image": "vllm/vllm-openai:v0.25.1", "args": ("--model", "org/model"), "disk_gb": 40, "download_gb": 20.0,
        "env": {"VLLM_API_KEY": Secret("sk-service"), "HF_HOME": "/secret-path"}, "ports": (8000,),
        "health": HealthCheck(port=8000, path="/health", model_id="org/model"),
    }  # fmt: skip
    return LaunchRequest(**fields | more)


def test_a_diff_is_of_meaning_not_of_spelling_and_shows_no_key(run):
    done = run("diff", "one.yml", "two.yml", "--json")
    found = {each["what"]: (each["left"], each["right"]) for each in json.loads(done.stdout)["differences"]}
    assert done.exit_code == 1
    assert found == {
        "image": ("vllm/vllm-openai:v0.25.1", "vllm/vllm-openai:v0.26.0"),
        "--max-model-len": (None, "8192"),
    }
    assert "sk-mine" not in done.stdout
    assert run("diff", "one.yml", "one.yml").exit_code == 0


def test_a_file_comes_back_as_it_was_and_is_never_written_over_unasked(run, tmp_path):
    kept = json.loads(run("backup", "one.yml", "--json").stdout)["name"]
    (tmp_path / "one.yml").write_text("spoilt", encoding="utf-8")
    assert isinstance(run("restore", kept, "--output", "one.yml").exception, UsageError)
    assert run("restore", kept, "--output", "one.yml", "--force").exit_code == 0
    assert (tmp_path / "one.yml").read_text(encoding="utf-8") == ONE
    assert json.loads(run("restore", "--json").stdout)["backups"] == [kept]


def test_what_is_launched_is_kept_without_any_value(tmp_path):
    keep_launches(tmp_path, [("abc", of_launch("mini", launch(), 1))], AskedWords())
    text = (tmp_path / "launches" / "abc.json").read_text(encoding="utf-8")
    assert "sk-service" not in text
    assert "secret-path" not in text
    assert launched(tmp_path, "abc").variables == ("HF_HOME", "VLLM_API_KEY")
    assert launched(tmp_path, "other") is None


def test_a_template_can_be_kept_and_comes_back_as_a_compose_file(run):
    kept = json.loads(run("backup", "vllm", "--json").stdout)["name"]
    service = yaml.safe_load(run("restore", kept).stdout)["services"]["vllm"]
    assert service["image"].startswith("vllm/vllm-openai:")
    assert service["environment"]["VLLM_API_KEY"] == "${VLLM_API_KEY:?}"
    assert service["environment"]["HF_TOKEN"] is None


def test_a_key_among_the_flags_is_never_held():
    words = tuple(map(Word, ("--model", "m", "--api-key", "sk-1", "--hf-token=hf_2")))
    profile = of_service(Service(name="a", words=words))
    assert "sk-1" not in str(profile)
    assert "hf_2" not in str(profile)
    assert not differences(profile, profile)


def test_a_name_that_is_nothing_is_refused_in_one_sentence(run):
    assert isinstance(run("diff", "nothing", "vllm").exception, NotFoundError)
    assert isinstance(run("restore", "nothing").exception, NotFoundError)


PLANS = [
    {"model": "qwen-14b", "max_num_seqs": 32}, {"model": "qwen3-vl-8b", "image_limit": 2},
    {"model": "qwen3-embedding-0.6b"}, {"model": "mistral", "adapter": "you/adapter", "lora_rank": 16},
]  # fmt: skip


@pytest.mark.parametrize("asked", PLANS, ids=str)
def test_what_comes_back_is_what_a_rendering_of_the_same_launch_says(asked):
    setup = setup_of(planned(**asked), "chat")
    kept = json.loads(json.dumps(of_launch("chat", setup.launch, setup.gpu_count).as_body()))
    rendered, restored = (yaml.safe_load(text) for text in (compose_text(setup), profile_text(Profile.from_body(kept))))
    assert restored == rendered


def test_a_value_that_a_user_gave_comes_from_the_shell_and_a_missing_key_stops_the_start():
    restored = yaml.safe_load(profile_text(of_launch("mini", launch(), 2)))["services"]["mini"]
    assert restored["environment"] == {"HF_HOME": None, "VLLM_API_KEY": "${VLLM_API_KEY:?}"}
    assert restored["deploy"]["resources"]["reservations"]["devices"][0]["count"] == 2


def test_a_name_that_only_looks_like_a_secret_keeps_its_value_and_stops_no_start():
    env = {"TOKENIZERS_PARALLELISM": "false", "MY_KEY": "written down by somebody", "VLLM_API_KEY": Secret("sk")}
    kept = of_launch("mini", launch(env=env, constants=("TOKENIZERS_PARALLELISM", "MY_KEY")), 1)
    assert "written down" not in json.dumps(kept.as_body())
    restored = yaml.safe_load(profile_text(kept))["services"]["mini"]["environment"]
    assert restored == {"TOKENIZERS_PARALLELISM": "false", "MY_KEY": None, "VLLM_API_KEY": "${VLLM_API_KEY:?}"}


def test_each_hidden_flag_comes_back_with_its_own_variable():
    words = tuple(map(Word, ("--api-key", "sk-1", "--hf-token=hf_2", "--model", "m***")))
    (service,) = yaml.safe_load(profile_text(of_service(Service(name="a", words=words))))["services"].values()
    assert service["command"] == ["--api-key", "${VLLM_API_KEY:?}", "--hf-token=${HF_TOKEN:?}", "--model", "m***"]


WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_/.:${}\"' ", min_size=1, max_size=12)
NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True)


@given(
    values=st.lists(WORDS, max_size=4), names=st.frozensets(NAMES, max_size=4), cards=st.integers(1, 8),
    path=st.sampled_from(["/health", "/v1/models"]), start_s=st.integers(1, 90_000),
)  # fmt: skip
def test_a_restored_profile_is_read_as_what_was_kept(values, names, cards, path, start_s):
    profile = Profile(
        name="a", template=None, image="vllm/vllm-openai:v0.25.1", entrypoint=(), variables=tuple(sorted(names)),
        args=tuple(word for value in values for word in ("--served-model-name", value)), ports=("8000",),
        gpu_count=cards, health=path, start_s=float(start_s),
    )  # fmt: skip
    (service,) = read_compose(profile_text(profile), {})
    assert replace(of_service(service), secrets=()) == profile
