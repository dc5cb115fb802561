"""One file says how an engine is started; what it makes is a value that can be compared."""

import dataclasses
from pathlib import Path

import pytest

from cloudgpu.base.errors import BadFileError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.serving.template import launch_of, load_template, read_template, render
from tests.serving.planning import KEY, launched, planned, value


def test_the_plain_case_is_started_with_exactly_these_words():
    launch = launched()
    assert launch.image == "vllm/vllm-openai:v0.25.1"
    assert launch.args == (
        "--model", "mistralai/Mistral-7B-Instruct-v0.2",
        "--served-model-name", "mistralai/Mistral-7B-Instruct-v0.2", "chat",
        "--port", "8000", "--max-model-len", "8192", "--gpu-memory-utilization", "0.92", "--tensor-parallel-size", "1",
    )  # fmt: skip
    assert launch.env == {"VLLM_API_KEY": KEY, "HF_HUB_DISABLE_XET": "1"}
    assert launch.ports == (8000,)
    assert launch.health.model_id == "mistralai/Mistral-7B-Instruct-v0.2"


@pytest.mark.parametrize("options", [{}, {"context_tokens": 65536}, {"gpu_memory_utilization": 0.7}])
def test_the_engine_is_started_with_the_flags_that_the_memory_was_worked_out_for(options):
    plan = planned("qwen-14b", **options)
    launch = launch_of(plan, plan.candidates[0], service="chat", api_key=KEY)
    for flag in plan.candidates[0].memory.flags:
        name, _, wanted = flag.partition(" ")
        assert value(launch, name) == wanted


def test_no_secret_stands_among_the_arguments():
    launch = launched(hf_token=Secret("hf-token"))
    assert "sk-endpoint" not in " ".join(launch.args)
    assert launch.env["HF_TOKEN"].reveal() == "hf-token"
    assert "sk-endpoint" not in repr(launch)


def test_the_hugging_face_token_stays_here_unless_it_is_given():
    assert "HF_TOKEN" not in launched().env


def test_options_become_flags():
    launch = launched(
        context_tokens=4096, kv_cache_dtype="fp8", max_num_seqs=64, max_num_batched_tokens=4096, enforce_eager=True,
        gpu_memory_utilization=0.8,
    )  # fmt: skip
    assert value(launch, "--max-model-len") == "4096"
    assert value(launch, "--kv-cache-dtype") == "fp8"
    assert value(launch, "--max-num-seqs") == "64"
    assert value(launch, "--gpu-memory-utilization") == "0.8"
    assert launch.args[-1] == "--enforce-eager"


def test_a_published_quantisation_is_its_own_repository_and_an_online_one_a_flag():
    published = launched("qwen-14b", quantization="awq")
    assert value(published, "--model").lower().endswith("awq")
    assert value(published, "--quantization") is None
    assert "Qwen/Qwen2.5-14B-Instruct" in published.args
    online = launched("mistral", quantization="fp8")
    if value(online, "--model") == "mistralai/Mistral-7B-Instruct-v0.2":
        assert value(online, "--quantization") == "fp8"


def test_an_adapter_brings_its_flags():
    launch = launched(adapter="me/My-Adapter", lora_rank=32)
    assert "--enable-lora" in launch.args
    assert value(launch, "--lora-modules") == "my-adapter=me/My-Adapter"
    assert value(launch, "--max-lora-rank") == "32"


def test_disk_and_download_are_the_plans():
    plan = planned()
    launch = launch_of(plan, plan.candidates[0], service="chat", api_key=KEY)
    assert (launch.disk_gb, launch.download_gb) == (plan.disk_gb, plan.download_gb)


def test_an_engine_without_a_template_is_a_usage_error():
    with pytest.raises(UsageError, match="no template"):
        load_template("nothing")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "name: x",
        "a: [",
        "name: x\nengine: y\nimage: z\nport: many\nhealth: /\narguments: []\nenvironment: {}",
    ],
)
def test_a_template_of_another_form_is_one_clear_error(text):
    with pytest.raises(BadFileError):
        read_template(text, Path("t.yaml"))


def test_a_placeholder_that_does_not_exist_and_a_secret_among_arguments_are_refused():
    template = load_template("vllm")
    for wrong in ("{nothing}", "{api_key}"):
        broken = dataclasses.replace(template, arguments=(("--x", wrong),))
        with pytest.raises(BadFileError):
            render(
                broken,
                {"engine_version": "1", "api_key": KEY, "hf_token": None},
                disk_gb=1,
                download_gb=1,
                model_id="m",
            )


def test_every_placeholder_of_the_template_is_explained_in_it():
    import re

    from cloudgpu.base.data import data_dir

    text = (data_dir("templates") / "vllm.yaml").read_text(encoding="utf-8")
    used = set(re.findall(r"\{(\w+)\}", "\n".join(line for line in text.splitlines() if not line.startswith("#"))))
    explained = set(re.findall(r"\{(\w+)\}", "\n".join(line for line in text.splitlines() if line.startswith("#"))))
    assert used == explained - {"placeholder"}
