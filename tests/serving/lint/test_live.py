"""Rules that only a repository can answer: asked of a Hub on this machine, silent when nobody asks."""

import json

import pytest
from typer.testing import CliRunner

from cloudgpu.cli.lint.hub import MOST_REPOSITORIES
from cloudgpu.cli.main import app
from tests.sizing.loopback_hub import start_hub

CONFIG = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 64, "intermediate_size": 256,
    "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2, "vocab_size": 1000,
    "max_position_embeddings": 4096, "torch_dtype": "bfloat16",
}  # fmt: skip
MODEL, ADAPTER = "someone/tiny", "someone/tiny-lora"
SERVE = f"vllm serve {MODEL} --enable-lora --lora-modules mine={ADAPTER}"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub with a model and an adapter; `hub.put(name, file, value)` changes what it serves."""
    found, stop = start_hub()
    monkeypatch.setenv("HF_ENDPOINT", found.url)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)

    def put(name, file, value):
        folder = found.repos.setdefault(name, tmp_path / name.replace("/", "--"))
        folder.mkdir(exist_ok=True)
        (folder / file).write_text(json.dumps(value), encoding="utf-8")

    found.put = put
    put(MODEL, "config.json", CONFIG)
    put(MODEL, "tokenizer_config.json", {"chat_template": "{{ messages }}"})
    put(ADAPTER, "adapter_config.json", {"r": 16, "base_model_name_or_path": MODEL})
    yield found
    stop()


@pytest.fixture
def typed(tmp_path):
    """`typed(command)`: {rule: severity} of `cloudgpu lint --live`, and what was said on the way."""

    def run(command, *options):
        (tmp_path / "start.sh").write_text(command + "\n", encoding="utf-8")
        done = CliRunner().invoke(app, ["lint", str(tmp_path / "start.sh"), "--json", *(options or ("--live",))])
        (file,) = json.loads(done.stdout)["files"]
        return {each["rule"]: each["severity"] for each in file["findings"]}, done.stderr

    return run


def test_a_model_and_an_adapter_that_fit_each_other_are_left_alone(hub, typed):
    assert not {"V55", "V56", "V57", "V58", "V59", "V60"} & set(typed(SERVE)[0])
    assert len(hub.asked) <= 2 * 4


def test_without_live_nobody_is_asked(hub, typed):
    hub.put(ADAPTER, "adapter_config.json", {"r": 64, "use_dora": True})
    assert not {"V55", "V56"} & set(typed(SERVE, "--format", "json")[0])
    assert hub.asked == []


@pytest.mark.parametrize(
    ("adapter", "rule", "severity"),
    [
        ({"r": 64}, "V55", "error"),
        ({"r": 16, "use_dora": True}, "V56", "error"),
        ({"r": 16, "modules_to_save": ["lm_head"]}, "V56", "error"),
        ({"r": 16, "base_model_name_or_path": "mistralai/Mistral-7B-Instruct-v0.2"}, "V57", "warning"),
    ],
)
def test_an_adapter_that_does_not_fit_is_found(hub, typed, adapter, rule, severity):
    hub.put(ADAPTER, "adapter_config.json", {"base_model_name_or_path": MODEL, **adapter})
    assert typed(SERVE)[0][rule] == severity
    assert rule not in typed(SERVE.replace(f" --lora-modules mine={ADAPTER}", ""))[0]


@pytest.mark.parametrize("base", ["someone/tiny", "unsloth/tiny-bnb-4bit", "mirror/Tiny", "/local/tiny"])
def test_a_quantised_copy_or_a_mirror_of_the_base_is_the_base(hub, typed, base):
    hub.put(ADAPTER, "adapter_config.json", {"r": 16, "base_model_name_or_path": base})
    assert "V57" not in typed(SERVE)[0]


def test_rank_64_is_taken_where_the_slot_is_as_large(hub, typed):
    hub.put(ADAPTER, "adapter_config.json", {"r": 64, "base_model_name_or_path": MODEL})
    assert "V55" not in typed(f"{SERVE} --max-lora-rank 64")[0]


def test_what_the_checkpoint_says_is_compared_with_what_is_asked_of_it(hub, typed):
    hub.put(
        MODEL, "config.json", CONFIG | {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}
    )
    assert typed(f"vllm serve {MODEL} --quantization gptq")[0]["V18"] == "error"
    assert "V18" not in typed(f"vllm serve {MODEL}")[0]
    assert typed(f"vllm serve {MODEL} --max-model-len 8192")[0]["V12"] == "error"


def test_a_checkpoint_without_a_chat_template_is_told_unless_one_is_given(hub, typed):
    hub.put(MODEL, "tokenizer_config.json", {"model_max_length": 4096})
    assert typed(f"vllm serve {MODEL}")[0]["V59"] == "warning"
    assert "V59" not in typed(f"vllm serve {MODEL} --chat-template t.jinja")[0]
    hub.put(MODEL, "chat_template.jinja", "x")
    assert "V59" not in typed(f"vllm serve {MODEL}")[0]


def test_a_gated_or_missing_repository_needs_a_token_in_the_container(hub, typed):
    image = "docker run {} vllm/vllm-openai:v0.25.1 --model " + MODEL
    hub.trouble, hub.token = "gated", "hf_somebody"
    assert typed(image.format(""))[0]["V48"] == "warning"
    assert "V48" not in typed(image.format("-e HF_TOKEN"))[0]
    hub.trouble = ""
    del hub.repos[MODEL]
    assert typed(image.format(""))[0]["V58"] == "error"
    assert typed(image.format("-e HF_TOKEN"))[0]["V58"] == "warning"


@pytest.mark.parametrize(
    ("architecture", "release", "severity"),
    [
        ("QWenLMHeadModel", "0.24.0", "error"), ("QWenLMHeadModel", "0.23.0", None),
        ("Qwen3NextForCausalLM", "0.11.0", None), ("NobodyKnowsForCausalLM", "0.33.0", "warning"),
        ("Qwen3_5ForConditionalGeneration", "0.11.0", "warning"),
        ("Qwen3_5ForConditionalGeneration", "0.20.0", None),
    ],
)  # fmt: skip
def test_an_architecture_is_refused_where_the_release_says_that_it_left(hub, typed, architecture, release, severity):
    hub.put(MODEL, "config.json", CONFIG | {"architectures": [architecture]})
    image = f"docker run vllm/vllm-openai:v{release} --model {MODEL}"
    assert typed(image)[0].get("V60") == severity


def test_a_hub_that_does_not_answer_costs_its_rules_and_is_said(hub, typed):
    hub.trouble = "503"
    found, told = typed(SERVE)
    assert not {"V55", "V58", "V60"} & set(found)
    assert f"could not be asked about {MODEL}" in told


def test_no_more_repositories_are_asked_than_a_reader_waits_for(hub, typed):
    many = " ".join(f"a{number}=someone/lora-{number}" for number in range(20))
    _, told = typed(f"vllm serve {MODEL} --enable-lora --lora-modules {many}")
    assert told.count("was not asked about") == 21 - MOST_REPOSITORIES


@pytest.mark.parametrize("odd", [None, 1, True, [], [1], {}, "x"])
def test_files_that_hold_anything_are_read_without_a_crash(hub, typed, odd):
    hub.put(MODEL, "config.json", dict.fromkeys((*CONFIG, "quantization_config", "rope_scaling"), odd))
    names = ("r", "modules_to_save", "use_dora", "base_model_name_or_path")
    hub.put(ADAPTER, "adapter_config.json", dict.fromkeys(names, odd))
    assert "V55" not in typed(SERVE)[0]
