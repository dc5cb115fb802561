"""`docker run` as it is published: short options in one word, switches, cards by number, other engines."""

import pytest

from cloudgpu.serving.lint.check import lint
from cloudgpu.serving.lint.reading.shell import read_shell


def read(options, command="--model Qwen/Qwen3-8B"):
    (service,) = read_shell(f"docker run {options} vllm/vllm-openai:v0.25.1 {command}", {})
    return service


def rules(text, version=None):
    return {each.rule: each.severity.value for each in lint(text, "run.sh", variables={}, version=version).findings}


@pytest.mark.parametrize(
    "options", ["-itd --name a", "-d -it --rm", "--rm=true --privileged", "-dti --init --read-only --gpus all", "-P -q"]
)
def test_switches_of_docker_take_no_value_however_they_are_joined(options):
    service = read(options)
    assert service.image == "vllm/vllm-openai:v0.25.1"
    assert [word.text for word in service.words] == ["--model", "Qwen/Qwen3-8B"]


@pytest.mark.parametrize("options", ["-p 80:8000", "-p80:8000", "--publish=80:8000", "-dp 80:8000", "-itdp80:8000/tcp"])
def test_a_port_is_read_in_every_form_that_docker_takes(options):
    assert read(options).ports == (("80", "8000"),)


@pytest.mark.parametrize("sign", ["`", "^", "\\"])
def test_a_line_goes_on_as_in_bash_in_powershell_and_in_cmd(sign):
    lines = ("docker run --gpus all", "-p 80:8000", "vllm/vllm-openai:v0.25.1", "--model Qwen/Qwen3-8B")
    (service,) = read_shell(f" {sign}\n  ".join(lines), {})
    assert (service.image, service.ports) == ("vllm/vllm-openai:v0.25.1", (("80", "8000"),))


def test_docker_container_run_is_docker_run():
    (service,) = read_shell("sudo docker container run --net host vllm/vllm-openai --model Qwen/Qwen3-8B", {})
    assert service.host_network


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("--runtime=nvidia -e NVIDIA_VISIBLE_DEVICES=2,3 -e CUDA_VISIBLE_DEVICES=2,3", True),
        ("--gpus '\"device=2,3\"' -e CUDA_VISIBLE_DEVICES=2,3", True),
        ("--runtime=nvidia -e NVIDIA_VISIBLE_DEVICES=2,3 -e CUDA_VISIBLE_DEVICES=0,1", False),
        ("--gpus all -e NVIDIA_VISIBLE_DEVICES=2,3 -e CUDA_VISIBLE_DEVICES=2,3", False),
        ("-e NVIDIA_VISIBLE_DEVICES=2,3 -e CUDA_VISIBLE_DEVICES=2,3", False),
    ],
)
def test_cards_that_the_runtime_gives_are_counted_from_0_inside(options, found):
    assert ("O14" in rules(f"docker run {options} vllm/vllm-openai:v0.25.1 --model Qwen/Qwen3-8B")) == found


def test_what_a_guide_leaves_to_the_reader_is_a_value_and_no_redirection():
    found = rules(
        "vllm serve <your model> --master-addr <head_node_ip> --nnodes 2 --headless 2>&1 | tee <log>", "0.25.1"
    )
    assert not {"V46", "V65"} & set(found)


def test_a_release_that_is_told_makes_an_image_of_ones_own_certain():
    text = "docker run my/vllm:mine --model Qwen/Qwen3-8B --enable-reasoning"
    assert rules(text)["V01"] == "warning"
    assert rules(text, "0.11.0")["V01"] == "error"


def test_the_image_made_for_the_start_of_a_model_is_not_taken_for_the_newest():
    assert rules("docker run vllm/vllm-openai:gptoss --model openai/gpt-oss-20b --swap-space 4")["V01"] == "warning"
    assert rules("docker run vllm/vllm-openai:latest --model openai/gpt-oss-20b --swap-space 4")["V01"] == "error"


def test_ray_may_bring_the_cards_of_other_machines(cards):
    line = "vllm serve Qwen/Qwen3-32B --tensor-parallel-size 8 --pipeline-parallel-size 2"
    assert "V26" in {each.rule for each in lint(line, "run.sh", variables={}, host=cards("H100 80GB", 8)).findings}
    line += " --distributed-executor-backend ray"
    assert "V26" not in {each.rule for each in lint(line, "run.sh", variables={}, host=cards("H100 80GB", 8)).findings}


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("vllm/vllm-openai:v0.25.1 --model a/b", True),
        ("my/vllm:1 vllm serve a/b", True),
        ("my/vllm:1 --model a/b --port 8000", True),
        ("my/vllm:1", False),
        ("vllm/vllm-openai:v0.25.1 --model a/b --config /c.yaml", False),
        ("vllm/vllm-openai:v0.25.1 --model a/b $ARGS", False),
        ("vllm/vllm-openai:v0.25.1 --model a/b --port 9000", False),
    ],
)
def test_ports_disagree_only_where_the_servers_port_is_known(command, found):
    assert ("O04" in rules(f"docker run -p 127.0.0.1:9000:9000 {command}")) == found


@pytest.mark.parametrize(("release", "severity"), [("0.8.5", "warning"), ("0.11.0", "error")])
def test_an_fp8_cache_on_ampere_was_the_older_engines_until_it_was_gone(cards, release, severity):
    line = "vllm serve Qwen/Qwen3-4B --max-model-len 4096 --kv-cache-dtype fp8"
    report = lint(line, "run.sh", variables={}, host=cards("RTX 3090"), version=release)
    assert [each.severity.value for each in report.findings if each.rule == "V22"] == [severity]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("--quantization fp8", True),
        ("--cpu-offload-gb 40", True),
        ("--kv-cache-memory-bytes 8G", True),
        ("--hf-overrides.num_hidden_layers 4", True),
        ("--enforce-eager", False),
    ],
)
def test_memory_is_called_too_small_only_where_the_estimator_counts_what_the_flags_do(cards, flags, told):
    line = f"vllm serve Qwen/Qwen2.5-32B-Instruct --max-model-len 4096 --gpu-memory-utilization 0.95 {flags}"
    found = {each.rule for each in lint(line, "run.sh", variables={}, host=cards("L40S"), version="0.25.1").findings}
    assert bool({"V10", "V11"} & found) != told


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("docker run -p 80:30000 lmsysorg/sglang python3 -m sglang.launch_server --model-path a/b", True),
        ("docker run -p 80:30000 lmsysorg/sglang python3 -m sglang.launch_server --model-path a/b --api-key $K", False),
        ("docker run -p 80:8080 -e LLAMA_API_KEY ghcr.io/ggml-org/llama.cpp:server-cuda -m /m.gguf", False),
        ("docker run -p 80:8080 ghcr.io/ggml-org/llama.cpp:server-cuda -m /m.gguf", True),
        ("python3 -m sglang.launch_server --model a/b --port 30000", False),
    ],
)
def test_another_engine_is_told_when_it_is_open_and_left_alone_otherwise(command, found):
    report = lint(command, "run.sh", variables={})
    assert (report.checked, len(report.left_out)) == ((), 1)
    assert ({each.rule for each in report.findings} == {"S11"}) == found


@pytest.mark.parametrize(
    ("flags", "version", "found"),
    [
        ("--enable-lora --lora-modules a=/a", "0.5.0", True),
        ("--enable-lora --log-level info", "0.5.0", False),
        ("", "0.25.1", True),
    ],
)
def test_the_demonstration_server_has_no_flags_of_the_openai_server(flags, version, found):
    errors = rules(f"python -m vllm.entrypoints.api_server --model a/b {flags}", version)
    assert ("V68" in errors) == found
    assert "V45" not in errors
