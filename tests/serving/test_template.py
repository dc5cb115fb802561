"""One file says how an engine is started; what it makes is a value that can be compared."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from cloudgpu.base.data import data_dir
from cloudgpu.base.errors import BadFileError, ConflictError, NotFoundError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.serving.asked import Asked
from cloudgpu.serving.launching import launch_of
from cloudgpu.serving.placeholders import PLACEHOLDERS, values_of
from cloudgpu.serving.template import render
from cloudgpu.serving.template_copy import copy_template
from cloudgpu.serving.template_file import read_template
from cloudgpu.serving.template_folders import find_template, template_of, template_paths
from tests.serving.planning import KEY, launched, planned, value

EVERY = sorted(template_paths())
TEXT = (data_dir("templates") / "vllm.yaml").read_text(encoding="utf-8")


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
    assert launch.min_cuda == "13.0"
    assert (launch.health.path, launch.health.asks) == ("/health", "chat")
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


@pytest.mark.parametrize(("asked", "loaded"), [("bitsandbytes-int8", "8bit"), ("bitsandbytes", "4bit"), (None, "bf16")])
def test_the_lora_application_makes_its_formats_of_a_16_bit_checkpoint(asked, loaded):
    variables = Asked(variables={"IMAGE": "ghcr.io/you/app:1"})
    launch = launched("qwen-0.5b", engine="transformers", quantization=asked, asked=variables)
    assert launch.env["QUANTIZATION"] == loaded
    assert launch.env["MODEL_NAME"] == "Qwen/Qwen2.5-0.5B-Instruct"


def test_what_an_engine_does_not_make_is_refused_before_anything_is_planned():
    with pytest.raises(UsageError, match="no published bitsandbytes-int8"):
        planned("qwen-0.5b", quantization="bitsandbytes-int8")
    with pytest.raises(UsageError, match="no published fp8"):
        planned("qwen-0.5b", engine="transformers", quantization="fp8")


def test_an_adapter_brings_its_flags():
    launch = launched(adapter="me/My-Adapter", lora_rank=24)
    assert "--enable-lora" in launch.args
    assert value(launch, "--lora-modules") == "my-adapter=me/My-Adapter"
    assert value(launch, "--max-lora-rank") == "32"  # the next slot that vLLM has


def test_disk_download_and_deadline_are_the_plans_and_the_templates_rule():
    plan = planned()
    launch = launch_of(plan, plan.candidates[0], service="chat", api_key=KEY)
    assert (launch.disk_gb, launch.download_gb) == (plan.disk_gb, plan.download_gb)
    assert launch.start_limit_s == pytest.approx(600 + 36 * plan.download_gb, abs=1)
    roomy = dataclasses.replace(find_template("vllm"), disk_at_least_gb=500)
    assert launched(asked=Asked(template=roomy)).disk_gb == 500


@pytest.mark.parametrize(
    ("model", "options", "name"),
    [
        ("mistral", {}, "vllm"),
        ("mistral", {"adapter": "me/a", "lora_rank": 16}, "vllm-lora"),
        ("Qwen/Qwen3-VL-8B-Instruct", {}, "vllm-vision"),
        ("BAAI/bge-m3", {}, "embeddings"),
        ("Qwen/Qwen3-Embedding-0.6B", {}, "embeddings"),
        ("mistral", {"engine": "sglang"}, "sglang"),
        ("mistral", {"engine": "transformers"}, "transformers-lora"),
    ],
)
def test_the_model_and_the_engine_choose_the_template_unless_somebody_does(model, options, name):
    assert template_of(planned(model, **options), None).name == name


def test_a_template_of_another_engine_than_the_plans_is_refused():
    with pytest.raises(UsageError, match="sglang"):
        launched(asked=Asked(template=find_template("sglang")))


@pytest.mark.parametrize("engine", ["sglang", "transformers"])
@pytest.mark.parametrize("model", ["BAAI/bge-m3", "Qwen/Qwen3-Embedding-0.6B"])
def test_a_model_that_embeds_is_not_started_where_a_chat_says_that_it_is_ready(model, engine):
    with pytest.raises(UsageError, match="vectors only"):
        launched(model, engine=engine)


def test_a_template_of_ones_own_that_asks_for_a_vector_may_start_it():
    own = dataclasses.replace(find_template("sglang"), readiness="embedding")
    assert launched("BAAI/bge-m3", engine="sglang", asked=Asked(template=own)).health.asks == "embedding"
    with pytest.raises(UsageError, match="vectors only"):
        launched("BAAI/bge-m3", engine="sglang", asked=Asked(template=find_template("sglang")))


@pytest.mark.parametrize("name", EVERY)
def test_every_template_of_the_package_reads_back_and_is_named_as_its_file(name):
    found = find_template(name)
    assert found.name == name
    assert "api_key" in dict(found.secrets).values()


def test_every_engine_is_started_with_what_its_own_plan_counted():
    sglang = launched(engine="sglang", kv_cache_dtype="fp8", context_tokens=4096)
    assert sglang.image == "lmsysorg/sglang:v0.5.23"
    assert value(sglang, "--context-length") == "4096"
    assert value(sglang, "--kv-cache-dtype") == "fp8_e4m3"
    assert "--config" in sglang.entrypoint[2]
    lora = launched(engine="transformers", quantization="bitsandbytes", adapter="me/a",
                    asked=Asked(variables={"IMAGE": "ghcr.io/me/lora:1"}))  # fmt: skip
    assert lora.image == "ghcr.io/me/lora:1"
    assert {name: lora.env[name] for name in ("MODEL_NAME", "ADAPTER_NAME", "QUANTIZATION", "PORT")} == {
        "MODEL_NAME": "mistralai/Mistral-7B-Instruct-v0.2", "ADAPTER_NAME": "me/a", "QUANTIZATION": "4bit",
        "PORT": "8000",
    }  # fmt: skip
    vectors = launched("BAAI/bge-m3")
    assert value(vectors, "--runner") == "pooling"
    assert vectors.health.asks == "embedding"


def test_sglang_is_told_of_a_longer_context_in_its_own_words():
    longer, own = (launched("Qwen/Qwen3-8B", engine="sglang", context_tokens=each) for each in (131072, 8192))
    override = json.loads(value(longer, "--json-model-override-args"))
    assert override["rope_scaling"]["factor"] == 4
    assert override["max_position_embeddings"] == 131072
    assert value(own, "--json-model-override-args") is None


@pytest.mark.parametrize(
    ("variables", "says"),
    [({}, "needs IMAGE"), ({"IMAGE": "a:1", "NONE": "1"}, "no variable NONE"),
     ({"IMAGE": "a:1", "REQUESTS_PER_MINUTE": "many"}, "whole number")],
)  # fmt: skip
def test_variables_must_be_set_known_and_of_their_type(variables, says):
    with pytest.raises(UsageError, match=says):
        launched(engine="transformers", asked=Asked(variables=variables))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("readiness: chat", "readiness: soon"), "@: readiness"),
        (("port: 8000", "port: many"), "@: port"),
        (("port: 8000", "port: 8000\nports: [1]"), "@: there is no key ports"),
        (("health: /health", ""), "the key health is missing"),
        (("engine: vllm", "engine: vlm"), "@: the engine 'vlm' is not known"),
        (("openai:v{engine_version}", "openai:latest"), "@: the image names no release"),
        (('"{context}"', '"{contxt}"'), "{contxt} stands for nothing"),
        (('"{context}"', '"{api_key}"'), "{api_key} is a secret"),
        (("KEY: {secret: api_key}", "KEY: {secret: aws_key}"), "@: environment.VLLM_API_KEY.secret"),
        (("min_cuda: \"{min_cuda}\"", "min_cuda: new"), "min_cuda"),
        (("port: 8000", "prt: 8000"), "@: there is no key prt"),
        (("port: 8000", "port: 8000\nport: 9000"), "port stands twice"),
        (("arguments:", "arguments: ["), "is no YAML"),
        (('--port: "8000"', '--port: "9000"'), "@: the engine would listen on 9000, and port 8000 is asked"),
        (('--port: "8000"', "--api-key: secret"), "@: the key of the endpoint is made for each start"),
        (("KEY: {secret: api_key}", "KEY: sk-abc"), "@: VLLM_API_KEY is not the key that clients are given"),
    ],
)  # fmt: skip
def test_a_template_of_another_form_names_its_file_line_and_key(change, says, tmp_path):
    path = tmp_path / "mine.yaml"
    assert change[0] in TEXT
    path.write_text(TEXT.replace(*change, 1), encoding="utf-8")
    with pytest.raises(BadFileError, match=r"mine\.yaml") as error:
        read_template(path)
    line = TEXT[: TEXT.index(change[0])].count("\n") + 1 + change[1].count("\n")
    assert says.replace("@", f"line {line}") in re.sub(r", column \d+:", ":", error.value.message)


@pytest.mark.parametrize("text", ["", "[]", "name: x", "\x00", "name: &a [*a]"])
def test_what_is_no_template_at_all_is_one_clear_error(text, tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadFileError):
        read_template(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "t.yaml is empty"),
        ("[]", "t.yaml holds no keys with values"),
        ("a: [1\nb: 2\n", "t.yaml, line 2, column 2, is no YAML: expected ',' or ']', but got ':'"),
        (
            TEXT.replace("  at_least_gb: 40", "  at_least_gb: 40\n  most_gb: 80"),
            "column 3: there is no key disk.most_gb",
        ),
    ],
)
def test_what_is_wrong_with_a_template_is_told_with_its_cause_and_place(text, says, tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadFileError) as error:
        read_template(path)
    assert says in error.value.message


def test_a_template_that_gives_nothing_the_key_of_the_endpoint_says_what_to_write(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace("  VLLM_API_KEY: {secret: api_key}\n", ""), encoding="utf-8")
    with pytest.raises(BadFileError, match="nothing is given the key") as error:
        read_template(path)
    assert "VLLM_API_KEY: {secret: api_key}" in error.value.hint


def test_a_secret_that_slips_among_the_arguments_is_refused():
    plan = planned()
    broken = dataclasses.replace(find_template("vllm"), arguments=(("--x", "{api_key}"),))
    values = values_of(plan, plan.candidates[0], "chat") | {"api_key": KEY}
    with pytest.raises(BadFileError, match="secret"):
        render(broken, values, plan, "m")


def test_every_placeholder_has_a_value_and_is_explained():
    plan = planned()
    assert {*values_of(plan, plan.candidates[0], "chat"), "PORT"} == set(PLACEHOLDERS)
    explained = re.findall(r"^#   \{(\w+)\}", TEXT, re.MULTILINE)
    assert explained == list(PLACEHOLDERS)


def test_a_template_of_ones_own_stands_in_for_the_packages(tmp_path):
    own = tmp_path / "templates"
    path = copy_template(find_template("vllm"), "mine", own)
    assert find_template("mine", own).name == "mine"
    assert find_template(str(path)).origin == str(path)
    copy_template(find_template("vllm"), "sglang", own)
    assert find_template("sglang", own).engine == "vllm"
    with pytest.raises(ConflictError):
        copy_template(find_template("vllm"), "mine", own)
    with pytest.raises(UsageError):
        copy_template(find_template("vllm"), "../mine", own)


def test_a_template_that_is_not_there_is_said_to_be_missing(tmp_path):
    for name in ("nothing", str(tmp_path / "nothing.yaml"), "pack-example"):
        with pytest.raises(NotFoundError):
            find_template(name, tmp_path)
    assert Path(find_template("vllm").origin).name == "vllm.yaml"
