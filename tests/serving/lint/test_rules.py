"""Each rule on a profile that breaks it and on one that does not: a false alarm weighs as much as a miss."""

import pytest

from cloudgpu.serving.lint.case import Host
from cloudgpu.serving.lint.check import lint
from cloudgpu.serving.lint.rule import RULES
from cloudgpu.sizing.gpus import find_gpu

QWEN = "--model Qwen/Qwen3-32B-AWQ"
YARN = '{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":32768}'
WHOLE_YARN = (
    '{"rope_parameters":{"rope_type":"yarn","rope_theta":1000000,"factor":4.0,"original_max_position_embeddings":32768},'
    '"max_position_embeddings":131072}'
)

EXPERTS = "--model Qwen/Qwen3-30B-A3B"
RANKED = f"""{QWEN} --kv-transfer-config '{{"kv_connector":"P2pNcclConnector","kv_role":"kv_both","kv_rank":0}}'"""

COMMANDS = [  # rule, command that breaks it, release, command that does not, release
    ("V01", f"{QWEN} --swap-space 16", "0.25.1", f"{QWEN} --swap-space 1", "0.11.0"),
    ("V01", f"{QWEN} --enable-reasoning", "0.11.0", f"{QWEN} --reasoning-parser qwen3", "0.11.0"),
    ("V02", f"{QWEN} --enable-shm-tensor-arena", "0.11.0", f"{QWEN} --enable-shm-tensor-arena", "0.33.0"),
    ("V02", f"{QWEN} -cc.mode=3", "0.11.0", f"{QWEN} -cc.mode=3", "0.12.0"),
    ("V02", f"{EXPERTS} -ep", "0.13.0", f"{EXPERTS} -ep", "0.16.0"),
    ("V63", f"{QWEN} --attention-config.use_fp4_indexer_cache=True", "0.30.0",
     f"{QWEN} --attention-config.use_fp4_indexer_cache=True", "0.28.0"),
    ("V63", f"{QWEN} --attention-config.use_fp4_indexer_cache=True", "0.16.0",
     f"{QWEN} --attention-config.use_fp4_indexer_cache=True", "0.14.1"),
    ("V63", RANKED, "0.33.0", RANKED, "0.32.0"),
    ("V04", f"{QWEN} --enable-prefix-caching True", "0.25.1", f"{QWEN} --enable-prefix-caching", "0.25.1"),
    ("V05", f"{QWEN} --limit-mm-per-prompt image=3", "0.25.1",
     f"""{QWEN} --limit-mm-per-prompt '{{"image":3}}'""", "0.25.1"),
    ("V05", f"{QWEN} --limit-mm-per-prompt image:3", "0.9.2", f"{QWEN} --limit-mm-per-prompt image=3", "0.9.2"),
    ("V06", f"{QWEN} --mm-encoder-tp-mode replicate", "0.25.1", f"{QWEN} --mm-encoder-tp-mode data", "0.25.1"),
    ("V62", f"""{QWEN} --kv-transfer-config '{{"kv_connector":"LMCacheConnectorV1"}}'""", "0.25.1",
     f"""{QWEN} --kv-transfer-config '{{"kv_connector":"LMCacheConnectorV1","kv_role":"kv_both"}}'""", "0.25.1"),
    ("V06", f"{QWEN} --max-lora-rank 24", "0.25.1", f"{QWEN} --max-lora-rank 32", "0.25.1"),
    ("V06", f"{QWEN} --enable-lora --max-lora-rank 24", "0.11.0", f"{QWEN} --max-lora-rank 24", "0.11.0"),
    ("V06", f"{QWEN} --max-model-len auto", "0.13.0", f"{QWEN} --max-model-len auto", "0.14.1"),
    ("V06", f"{QWEN} --kv-cache-dtype banana", "0.25.1", f"{QWEN} --kv-cache-dtype turboquant_3bit_nc", "0.25.1"),
    ("V06", f"{QWEN} --runner banana", "0.25.1", f"{QWEN} --runner generate", "0.25.1"),
    ("V06", f"{QWEN} --scheduling-policy fair", "0.25.1", f"{QWEN} --scheduling-policy priority", "0.25.1"),
    ("V64", f"{QWEN} --tensor-parallel-size two", "0.25.1", f"{QWEN} --tensor-parallel-size 2", "0.25.1"),
    ("V64", f"{QWEN} --seed abc", "0.25.1", f"{QWEN} --seed -1", "0.25.1"),
    ("V64", f"{QWEN} --gpu-memory-utilization 90%", "0.25.1", f"{QWEN} --gpu-memory-utilization .9", "0.25.1"),
    ("V64", f"{QWEN} --max-num-seqs 1k", "0.25.1", f"{QWEN} --max-model-len 32k", "0.25.1"),
    ("V64", f"{QWEN} --port http", "0.25.1", f"{QWEN} --max-model-len auto", "0.25.1"),
    ("V65", f"{QWEN} --max-model-len", "0.25.1", f"{QWEN} --hf-token", "0.25.1"),
    ("V65", f"{QWEN} --host --port 8000", "0.25.1", f"{QWEN} -O3", "0.25.1"),
    ("V66", f"{QWEN} --gpu-memory-utilization 1.2", "0.25.1", f"{QWEN} --gpu-memory-utilization 1", "0.25.1"),
    ("V66", f"{QWEN} --gpu-memory-utilization 90", "0.25.1", f"{QWEN} --gpu-memory-utilization 0.01", "0.25.1"),
    ("V66", f"{QWEN} --gpu-memory-utilization 0", "0.25.1", f"{QWEN} --cpu-offload-gb 0", "0.25.1"),
    ("V66", f"{QWEN} --tensor-parallel-size 0", "0.25.1", f"{QWEN} --tensor-parallel-size 1", "0.25.1"),
    ("V66", f"{QWEN} --pipeline-parallel-size 0", "0.25.1", f"{QWEN} --pipeline-parallel-size 1", "0.25.1"),
    ("V66", f"{QWEN} --max-model-len 0", "0.25.1", f"{QWEN} --max-model-len -1", "0.25.1"),
    ("V66", f"{QWEN} --max-num-seqs -1", "0.25.1", f"{QWEN} --max-num-seqs 1", "0.25.1"),
    ("V66", f"{QWEN} --max-num-batched-tokens 0", "0.25.1", f"{QWEN} --max-num-batched-tokens 2k", "0.25.1"),
    ("V66", f"{QWEN} --cpu-offload-gb -1", "0.25.1", f"{QWEN} --port 0", "0.25.1"),
    ("O04", f"{QWEN} --port 80000", "0.25.1", f"{QWEN} --port 65535", "0.25.1"),
    ("V46", f"{QWEN} --tokenizer a b", "0.25.1", f"{QWEN} --allowed-media-domains a.org b.org", "0.25.1"),
    ("V07", f"{QWEN} --rope-scaling yarn", "0.11.0", f"{QWEN} --rope-scaling '{YARN}'", "0.11.0"),
    ("V07", QWEN + " --hf-overrides {max_position_embeddings:1}", "0.25.1",
     f"""{QWEN} --hf-overrides '{{"max_position_embeddings":1}}'""", "0.25.1"),
    ("V08", f"vllm serve {QWEN}", "0.33.0", QWEN, "0.33.0"),
    ("V12", f"{QWEN} --max-model-len 131072", "0.25.1", f"{QWEN} --max-model-len 40960", "0.25.1"),
    ("V12", f"{QWEN} --max-model-len 131072 --hf-overrides '{{\"rope_parameters\":{YARN}}}'", "0.11.0",
     f"{QWEN} --max-model-len 131072 --hf-overrides '{{\"rope_scaling\":{YARN}}}'", "0.11.0"),
    ("V12", f"{QWEN} --max-model-len 131072 --hf-overrides '{{\"rope_scaling\":{YARN}}}'", "0.14.1",
     f"{QWEN} --max-model-len 131072 --hf-overrides '{{\"rope_parameters\":{YARN}}}'", "0.14.1"),
    ("V13", f"{QWEN} --max-model-len 131072 --hf-overrides '{{\"rope_parameters\":{YARN}}}'", "0.30.0",
     f"{QWEN} --max-model-len 131072 --hf-overrides '{WHOLE_YARN}'", "0.30.0"),
    ("V14", f"{QWEN} --max-model-len 131072 --hf-overrides '{{\"rope_parameters\":{YARN}}}'", "0.25.1",
     f"{QWEN} --max-model-len 131072 --hf-overrides '{WHOLE_YARN}'", "0.25.1"),
    ("V15", f"--model Qwen/Qwen3-VL-32B-Instruct-FP8 --hf-overrides '{{\"rope_parameters\":{YARN}}}'", "0.25.1",
     "--model Qwen/Qwen3-VL-32B-Instruct-FP8", "0.25.1"),
    ("V16", f"{QWEN} --max-model-len 65536 --hf-overrides '{WHOLE_YARN}'", "0.25.1",
     f"{QWEN} --max-model-len 131072 --hf-overrides '{WHOLE_YARN}'", "0.25.1"),
    ("V18", "--model Qwen/Qwen2.5-14B-Instruct --quantization awq", "0.25.1", f"{QWEN} --quantization awq", "0.25.1"),
    ("V18", f"{QWEN} --quantization gptq", "0.25.1", f"{QWEN} --quantization awq_marlin", "0.25.1"),
    ("V18", f"{QWEN} --quantization fp8", "0.25.1",
     "--model Qwen/Qwen2.5-14B-Instruct --quantization fp8_per_block", "0.25.1"),
    ("V19", "--model Qwen/Qwen2.5-14B-Instruct --quantization bitsandbytes", "0.28.0",
     "--model Qwen/Qwen2.5-14B-Instruct --quantization bitsandbytes", "0.27.1"),
    ("V20", "--model unsloth/Qwen3-8B-GGUF", "0.24.0", "--model unsloth/Qwen3-8B-GGUF", "0.23.0"),
    ("V25", f"{QWEN} --tensor-parallel-size 3", "0.25.1", f"{QWEN} --tensor-parallel-size 2", "0.25.1"),
    ("V29", f"{QWEN} --max-num-batched-tokens 65536", "0.25.1", f"{QWEN} --max-num-batched-tokens 8192", "0.25.1"),
    ("V30", f"{QWEN} --max-num-batched-tokens 128 --max-num-seqs 256", "0.25.1",
     f"{QWEN} --max-num-batched-tokens 512 --max-num-seqs 256", "0.25.1"),
    ("V30", f"{QWEN} --no-enable-chunked-prefill --max-num-batched-tokens 2048", "0.25.1",
     f"{QWEN} --no-enable-chunked-prefill --max-num-batched-tokens 2048 --max-model-len 2048", "0.25.1"),
    ("V31", f"{QWEN} --enable-auto-tool-choice", "0.25.1",
     f"{QWEN} --enable-auto-tool-choice --tool-call-parser hermes", "0.25.1"),
    ("V32", f"{QWEN} --tool-call-parser granite", "0.25.1", f"{QWEN} --tool-call-parser hermes", "0.25.1"),
    ("V33", f"{QWEN} --reasoning-parser deepseek_r1", "0.25.1", f"{QWEN} --reasoning-parser qwen3", "0.25.1"),
    ("V34", f"{QWEN} --reasoning-parser qwen3", "0.16.0", f"{QWEN} --reasoning-parser qwen3", "0.15.1"),
    ("V35", "--model Qwen/Qwen2.5-14B-Instruct --dtype half", "0.25.1", f"{QWEN} --dtype half", "0.25.1"),
    ("V36", f"{QWEN} --skip-mm-profiling", "0.25.1", QWEN, "0.25.1"),
    ("V37", "--model Qwen/Qwen3-VL-32B-Instruct-FP8", "0.25.1",
     "--model Qwen/Qwen3-VL-32B-Instruct-FP8 --limit-mm-per-prompt.image 2", "0.25.1"),
    ("V38", f"{QWEN} --enable-chunked-prefill", "0.25.1", f"{QWEN} --no-enable-chunked-prefill", "0.25.1"),
    ("V39", f"{QWEN} --distributed-executor-backend ray", "0.18.0",
     f"{QWEN} --distributed-executor-backend ray", "0.16.0"),
    ("V40", f"{QWEN} --lora-modules a=b", "0.25.1", f"{QWEN} --enable-lora --lora-modules a=b", "0.25.1"),
    ("V43", f"{QWEN} --disable-log-requests", "0.25.1", f"{QWEN} --disable-log-requests", "0.33.0"),
    ("V44", f"{QWEN} --swap-space 16", "0.16.0", QWEN, "0.16.0"),
    ("V45", f"{QWEN} --contxt-length 5", "0.25.1", f"{QWEN} --max-num-seq 5", "0.25.1"),
    ("V46", f"{QWEN} --port 8000 8001", "0.25.1", f"{QWEN} --served-model-name a b", "0.25.1"),
    ("V67", "--model Qwen/Qwen3-8B-FP8 --kv-cache-dtype fp8_e5m2", "0.25.1",
     "--model Qwen/Qwen3-8B --kv-cache-dtype fp8_e5m2", "0.25.1"),
    ("V31", f"{QWEN} --enable-auto-tool-choice --tool-call-parser minimax", "0.24.0",
     f"{QWEN} --enable-auto-tool-choice --tool-call-parser minimax", "0.23.0"),
    ("V31", f"{QWEN} --reasoning-parser qwen", "0.33.0", f"{QWEN} --reasoning-parser qwen3", "0.33.0"),
    ("V49", f"{QWEN} --tool-call-parser hermes", "0.25.1",
     f"{QWEN} --tool-call-parser hermes --enable-auto-tool-choice", "0.25.1"),
    ("V50", "--model Qwen/Qwen2.5-14B-Instruct --reasoning-parser qwen3", "0.25.1",
     f"{QWEN} --reasoning-parser qwen3", "0.25.1"),
    ("V51", "--model mistralai/Mistral-7B-v0.1", "0.25.1", "--model mistralai/Mistral-7B-Instruct-v0.3", "0.25.1"),
    ("V52", f"{QWEN} --quantization awq", "0.25.1", f"{QWEN} --quantization awq_marlin", "0.25.1"),
    ("V53", f"{QWEN} --quantization awq --dtype bfloat16", "0.11.0", f"{QWEN} --dtype bfloat16", "0.11.0"),
    ("V53", "--model openai/gpt-oss-20b --dtype half", "0.11.0", "--model openai/gpt-oss-20b", "0.11.0"),
    ("V07", f"{QWEN} --compilation-config 3", "0.11.0", f"{QWEN} --compilation-config 3", "0.10.2"),
    ("V07", f"{QWEN} -cc 3", "0.25.1", f"{QWEN} -O 3", "0.25.1"),
    ("V63", f"""{QWEN} --compilation-config '{{"level":3}}'""", "0.25.1",
     f"""{QWEN} --compilation-config '{{"level":3}}'""", "0.15.1"),
    ("V63", f"{QWEN} -cc.pass_config.enable_fusion=true", "0.25.1",
     f"{QWEN} -cc.pass_config.fuse_norm_quant=true", "0.25.1"),
    ("V63", f"""{QWEN} --compilation-config '{{"pass_config":{{"enable_noop":true}}}}'""", "0.18.1",
     f"""{QWEN} --compilation-config '{{"pass_config":{{"eliminate_noops":true}}}}'""", "0.18.1"),
    ("V63", f"""{QWEN} --speculative-config '{{"method":"ngram","num_speculative_token":3}}'""", "0.25.1",
     f"""{QWEN} --speculative-config '{{"method":"ngram","num_speculative_tokens":3}}'""", "0.25.1"),
    ("V63", f"""{QWEN} --structured-outputs-config '{{"disable_fallback":true}}'""", "0.18.1",
     f"""{QWEN} --structured-outputs-config '{{"disable_fallback":true}}'""", "0.16.0"),
    ("V69", f"{QWEN} --kv-cache-dtype fp8_ds_mla", "0.25.1",
     "--model deepseek-ai/DeepSeek-V3.2 --kv-cache-dtype fp8_ds_mla", "0.25.1"),
    ("V54", "--model unsloth/QwQ-32B-unsloth-bnb-4bit --tensor-parallel-size 2", "0.11.0",
     "--model unsloth/QwQ-32B-unsloth-bnb-4bit --pipeline-parallel-size 2", "0.11.0"),
    ("V45", f"{QWEN} -p 8000:8000", "0.25.1", f"{QWEN} -t 2", "0.11.0"),
    ("V64", f"{QWEN} -p 8000:8000", "0.11.0", f"{QWEN} -p 2", "0.11.0"),
    ("V31", f"{QWEN} --reasoning-parser GptOss", "0.10.2", f"{QWEN} --reasoning-parser GptOss", "0.10.1.1"),
    ("V48", "--model meta-llama/Llama-3.1-8B-Instruct", "0.25.1", QWEN, "0.25.1"),
    ("O09", f"{QWEN} --api-server-count 4 --model Qwen/Qwen3-VL-32B-Instruct-FP8", "0.25.1",
     "--api-server-count 4 --model Qwen/Qwen3-8B", "0.13.0"),
    ("S06", f"{QWEN} --api-key ${{KEY}}", "0.25.1", QWEN, "0.25.1"),
    ("O03", f"{QWEN} --tensor-parallel-size 2", "0.25.1", QWEN, "0.25.1"),
    ("O07", QWEN, "0.20.2", QWEN, "0.19.1"),
]  # fmt: skip


@pytest.mark.parametrize(("release", "severity"), [("0.8.5", "warning"), ("0.9.2", "error"), ("0.25.1", "error")])
def test_gemma_in_float16_is_refused_since_the_release_that_refuses_it(found, release, severity):
    assert found("--model google/gemma-3-12b-it --dtype half", release=release)["V35"] == severity


@pytest.mark.parametrize(("rule", "bad", "release", "good", "good_release"), COMMANDS)
def test_a_rule_finds_what_it_is_for_and_nothing_else(found, rule, bad, release, good, good_release):
    assert rule in found(bad, release=release)
    assert rule not in found(good, release=good_release)


def test_experts_in_blocks_of_128_cannot_be_split_below_them_and_groups_can(found):
    """What the weights refuse as they are made, after the configuration was taken."""
    assert found("--model Qwen/Qwen3-30B-A3B-FP8 --tensor-parallel-size 4")["V25"] == "error"
    assert "V25" not in found("--model Qwen/Qwen3-30B-A3B-GPTQ-Int4 --tensor-parallel-size 4")


AROUND = [  # rule, surroundings that break it, surroundings that do not
    ("S01", "ports: ['8000:8000']", "ports: ['127.0.0.1:8000:8000']"),
    ("S01", "ports: [{target: 8000, published: 8000}]", "ports: [{target: 8000, published: 8000, host_ip: 127.0.0.1}]"),
    ("S01", "network_mode: host", "ports: ['8000:8000']\nenvironment: [VLLM_API_KEY]"),
    ("S02", "ports: ['8000:8000']\nenvironment: [VLLM_API_KEY]", "environment: [VLLM_API_KEY]"),
    ("S04", "ports: ['80:8000']\nenvironment: {VLLM_SERVER_DEV_MODE: '1'}", "environment: {VLLM_SERVER_DEV_MODE: '1'}"),
    ("S09", "environment: {HF_TOKEN: hf_abcdefghijklmnop}", "environment: {HF_TOKEN: '${HF_TOKEN}'}"),
    ("S09", "environment: {VLLM_API_KEY: your_api_key_here}", "environment: [VLLM_API_KEY]"),
    ("V41", "environment: {VLLM_USE_V1: '1'}", "environment: {VLLM_LOGGING_LEVEL: INFO}"),
    ("V42", "environment: {VLLM_PORT: '8000'}", "environment: {PORT: '8000'}"),
    ("O02", "ports: []", "volumes: ['~/.cache/huggingface:/root/.cache/huggingface']"),
    ("O04", "ports: ['5002:5002']", "ports: ['5002:8000']"),
    ("O04", "healthcheck: {test: curl http://localhost:9000/health}", "healthcheck: {test: curl http://localhost:8000/health}"),
    ("O05", "healthcheck: {test: curl x, start_period: 60s}", "healthcheck: {test: curl x, start_period: 60m}"),
    ("O10", "deploy: {resources: {reservations: {devices: [{device_ids: '0,1'}]}}}",
     "deploy: {resources: {reservations: {devices: [{device_ids: ['0', '1']}]}}}"),
    ("S05", "ports: ['80:8000']\nenvironment: {VLLM_ALLOW_RUNTIME_LORA_UPDATING: '1'}", "ports: ['80:8000']"),
    ("S10", "ports: ['80:8000']\nenvironment: [VLLM_API_KEY]",
     "ports: ['127.0.0.1:80:8000']\nenvironment: [VLLM_API_KEY]"),
    ("O13", "evironment: {A: b}", "x-environment: {A: b}"),
    ("O14", "environment: {CUDA_VISIBLE_DEVICES: '1'}\n"
     "deploy: {resources: {reservations: {devices: [{device_ids: ['1'], capabilities: [gpu]}]}}}",
     "environment: {CUDA_VISIBLE_DEVICES: '0'}\n"
     "deploy: {resources: {reservations: {devices: [{device_ids: ['1'], capabilities: [gpu]}]}}}"),
    ("O12", "restart: always", "restart: on-failure:3"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "bad", "good"), AROUND)
def test_a_rule_about_the_container_finds_what_it_is_for(found, rule, bad, good):
    assert rule in found(QWEN, around=bad)
    assert rule not in found(QWEN, around=good)


def test_memory_is_judged_by_the_estimator(found, cards):
    small, large = cards("RTX 3090"), cards("A100 SXM4 80GB")
    assert found("--model Qwen/Qwen2.5-14B-Instruct", host=small)["V10"] == "error"
    assert "V10" not in found("--model Qwen/Qwen2.5-14B-Instruct", host=large)
    assert found("--model Qwen/Qwen3-8B --max-model-len 40960 --gpu-memory-utilization 0.8",
                 host=small)["V11"] == "error"  # fmt: skip


def test_what_a_card_cannot_do_is_an_error_on_that_card_alone(found, cards):
    cache = "--model Qwen/Qwen3-8B --kv-cache-dtype fp8 --max-model-len 8192"
    assert "V22" in found(cache, release="0.11.0", host=cards("RTX 3090"))
    assert "V22" not in found(cache, release="0.11.0", host=cards("RTX 4090"))
    half = "--model Qwen/Qwen3-32B-AWQ --dtype half --kv-cache-dtype fp8 --max-model-len 8192"
    on_hopper = found(half, host=cards("H100 SXM"))
    assert on_hopper["V47"] == "error"
    assert "V22" not in on_hopper  # the cache is not at fault there
    assert "V47" not in found(half, host=cards("RTX 4090"))


def test_more_gpus_than_there_are_is_an_error(found, cards):
    assert "V26" in found(f"{QWEN} --tensor-parallel-size 4", host=cards("RTX 4090", 2))
    assert "V26" not in found(f"{QWEN} --tensor-parallel-size 2", host=cards("RTX 4090", 2))


def test_swap_space_is_an_error_where_it_does_not_fit_the_hosts_memory(found, cards):
    command = f"{QWEN} --swap-space 16 --tensor-parallel-size 2"
    assert found(command, release="0.11.0", host=cards("RTX 4090", 2, 40))["V44"] == "error"
    assert found(command, release="0.11.0", host=cards("RTX 4090", 2, 64))["V44"] == "warning"
    assert "V44" not in found(command, release="0.11.0", host=cards("RTX 4090", 2, 256))


def test_a_release_between_two_samples_is_given_the_benefit_of_the_doubt(found):
    assert "V02" not in found(f"{QWEN} --language-model-only", release="0.17.0")
    assert "V02" in found(f"{QWEN} --language-model-only", release="0.11.0")


def test_every_spelling_that_the_parser_takes_is_understood(found):
    for command in ("--kv_cache_dtype fp8", "--kv-cache-dtype=fp8", "-tp 2", "--tensor-parallel 2", "-O3"):
        assert not {"V45", "V46"} & set(found(f"{QWEN} {command}"))


def test_every_rule_has_a_sentence_a_source_and_a_severity():
    assert len(RULES) > 55
    for rule in RULES.values():
        assert rule.title
        assert rule.source
        assert rule.check.__doc__


def test_a_disk_or_driver_that_was_named_is_judged_and_one_that_was_not_is_never_an_error():
    text = "services: {e: {image: 'vllm/vllm-openai:v0.25.1', command: --model Qwen/Qwen3-32B-AWQ}}"

    def severity(rule, **of_host):
        host = Host(gpu=find_gpu("RTX 4090"), count=1, **of_host)
        found = lint(text, "compose.yml", variables={}, host=host).findings
        return next((each.severity.value for each in found if each.rule == rule), None)

    assert [severity("O06", disk_gb=each) for each in (10, 30, 100, None)] == ["error", "warning", None, None]
    assert [severity("O07", driver=each) for each in (550, 580, None)] == ["error", None, "note"]


def test_a_client_of_the_same_file_that_asks_for_another_name_is_told():
    text = (
        "services:\n  engine: {image: 'vllm/vllm-openai:v0.25.1',"
        " command: --model Qwen/Qwen3-8B --served-model-name mini}\n"
        "  chat: {image: chat, environment: {OPENAI_MODEL: NAME}}\n"
    )
    told = [lint(text.replace("NAME", name), "c.yml", variables={}).findings for name in ("Qwen/Qwen3-8B", "mini")]
    assert [any(each.rule == "O11" for each in found) for found in told] == [True, False]


def test_two_servers_on_one_card_are_an_error_only_where_the_release_adds_their_shares():
    engine = "{image: 'vllm/vllm-openai:vX', command: --model Qwen/Qwen3-8B, environment: {CUDA_VISIBLE_DEVICES: '0'}}"

    def severity(release):
        text = f"services:\n  a: {engine}\n  b: {engine}\n".replace("X", release)
        return {f.severity.value for f in lint(text, "c.yml", variables={}).findings if f.rule == "V27"}

    assert severity("0.25.1") == {"error"}
    assert severity("0.8.5") == {"warning"}


@pytest.mark.parametrize(
    ("command", "release", "is_found"),
    [
        ("vllm serve --model Qwen/Qwen3-8B", "0.11.0", True),
        ("vllm serve Qwen/Qwen3-8B", "0.11.0", False),
        ("vllm serve --model=Qwen/Qwen3-8B", "0.11.0", False),
        ("vllm serve --model Qwen/Qwen3-8B", "0.14.1", False),
        ("python -m vllm.entrypoints.openai.api_server --model Qwen/Qwen3-8B", "0.11.0", False),
    ],
)
def test_a_model_named_by_a_flag_is_refused_by_the_one_release_that_does(command, release, is_found):
    found = lint(command + "\n", "start.sh", variables={}, version=release).findings
    assert ("V61" in {each.rule for each in found}) == is_found
