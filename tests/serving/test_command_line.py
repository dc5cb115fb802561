"""Whatever is asked for, the engine's release takes the command line that we write."""

import json

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudgpu.base.errors import CloudgpuError, UsageError
from cloudgpu.serving.asked import Asked
from cloudgpu.serving.launching import launch_of
from cloudgpu.serving.lint.check import lint
from cloudgpu.serving.lint.finding import Severity
from cloudgpu.serving.lint.releases.flag_table import Presence, presence, release_of, samples
from tests.serving.planning import KEY, launched, planned, value

RELEASES = [each for each in samples() if release_of(each) >= (0, 11, 0)]
MODELS = ("mistral", "qwen-14b", "Qwen/Qwen3-8B", "Qwen/Qwen3-VL-8B-Instruct", "Qwen/Qwen3-30B-A3B",
          "meta-llama/Llama-3.1-8B-Instruct", "openai/gpt-oss-20b", "google/gemma-3-12b-it")  # fmt: skip
OPTIONS = st.fixed_dictionaries({}, optional={
    "context_tokens": st.sampled_from([2048, 16384, 40000, 65536, 131072]),
    "quantization": st.sampled_from(["awq", "fp8", "gptq"]),
    "kv_cache_dtype": st.sampled_from(["auto", "fp8"]),
    "dtype": st.sampled_from(["auto", "bfloat16"]),
    "gpu_memory_utilization": st.sampled_from([0.7, 0.9]),
    "max_num_seqs": st.sampled_from([8, 64, 256]),
    "max_num_batched_tokens": st.sampled_from([2048, 8192]),
    "enforce_eager": st.booleans(),
    "lora_rank": st.sampled_from([8, 16, 24, 64]),
    "image_limit": st.sampled_from([0, 1, 4]),
    "max_pixels": st.just(602112),
})  # fmt: skip


def refused_flags(launch, release):
    given = {word for word in launch.args if word.startswith("--")}
    return {flag for flag in given if presence(flag, release_of(release)) is not Presence.PRESENT}


def errors(launch):
    """What our own lint calls an error in the same container, written as a compose service."""
    body = {"image": launch.image, "command": list(launch.args), "environment": dict.fromkeys(launch.env, "${SET}")}
    report = lint(yaml.safe_dump({"services": {"engine": body}}), "compose.yml", variables={})
    return [each for each in report.findings if each.severity is Severity.ERROR]


@pytest.mark.parametrize("release", RELEASES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(model=st.sampled_from(MODELS), options=OPTIONS, tools=st.booleans(), reasoning=st.booleans())
def test_every_release_has_every_flag_it_is_given_and_lint_finds_no_error(release, model, options, tools, reasoning):
    adapter = "me/adapter" if "lora_rank" in options else None
    try:
        plan = planned(model, engine_version=release, adapter=adapter, **options)
        launch = launch_of(plan, plan.candidates[0], service="chat", api_key=KEY,
                           asked=Asked(tools=tools, reasoning=reasoning))  # fmt: skip
    except (CloudgpuError, IndexError):
        return  # refused before any money is spent
    assert refused_flags(launch, release) == set()
    assert errors(launch) == []
    assert launch.env["VLLM_API_KEY"] is KEY
    assert KEY.reveal() not in " ".join(launch.args)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("model", ["mistral", "Qwen/Qwen3-8B", "Qwen/Qwen3-VL-8B-Instruct", "BAAI/bge-m3"])
def test_no_release_refuses_what_is_asked_for_without_any_option(release, model):
    launch = launched(model, engine_version=release)
    assert refused_flags(launch, release) == set()
    assert errors(launch) == []


@pytest.mark.parametrize(
    ("model", "parser"),
    [
        ("qwen-14b", "hermes"), ("Qwen/Qwen3-8B", "hermes"), ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "qwen3_coder"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3_json"), ("mistralai/Mistral-7B-Instruct-v0.3", "mistral"),
        ("openai/gpt-oss-20b", "openai"),
    ],
)  # fmt: skip
def test_tool_calls_are_read_by_the_parser_of_the_models_family(model, parser):
    args = launched(model, asked=Asked(tools=True)).args
    assert "--enable-auto-tool-choice" in args
    assert args[args.index("--tool-call-parser") + 1] == parser


@pytest.mark.parametrize(
    ("model", "parser"),
    [("Qwen/Qwen3-8B", "qwen3"), ("Qwen/QwQ-32B", "deepseek_r1"), ("openai/gpt-oss-20b", "openai_gptoss"),
     ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "deepseek_r1")],
)  # fmt: skip
def test_reasoning_is_read_by_the_parser_of_the_models_own_template(model, parser):
    assert value(launched(model, asked=Asked(reasoning=True)), "--reasoning-parser") == parser


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", Asked(tools=True)),
        ("mistral", Asked(tools=True)),  # 7B v0.2: its template has no tools
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", Asked(tools=True)),
        ("Qwen/Qwen3-4B-Instruct-2507", Asked(reasoning=True)),  # it never thinks
        ("qwen-14b", Asked(reasoning=True)),
    ],
)
def test_what_is_not_known_of_a_model_is_refused_and_not_guessed(model, asked):
    with pytest.raises(UsageError):
        launched(model, asked=asked)


def test_nothing_is_parsed_unless_it_is_asked_for():
    assert not {"--tool-call-parser", "--reasoning-parser", "--enable-auto-tool-choice"} & set(launched().args)


def test_defaults_of_the_engine_are_not_restated():
    assert not {"--enable-chunked-prefill", "--enable-prefix-caching"} & set(launched("qwen-14b").args)


def test_the_limit_of_images_has_the_form_that_the_release_reads():
    new, old = (
        launched("Qwen/Qwen2.5-VL-7B-Instruct", image_limit=2, engine_version=each) for each in ("0.25.1", "0.9.2")
    )
    assert json.loads(value(new, "--limit-mm-per-prompt")) == {"image": 2, "video": 0}
    assert value(old, "--limit-mm-per-prompt") == "image=2,video=0"


def test_a_format_that_left_the_engine_is_refused_before_anything_is_rented():
    assert value(launched("qwen-14b", quantization="bitsandbytes", engine_version="0.27.1"), "--quantization")
    with pytest.raises(UsageError, match="bitsandbytes"):
        launched("qwen-14b", quantization="bitsandbytes", engine_version="0.28.0")


def test_a_step_smaller_than_its_sequences_is_refused():
    with pytest.raises(UsageError, match="sequences"):
        launched(max_num_batched_tokens=64, max_num_seqs=128)
