"""Words, names and keys that one release takes and another refuses: an error only where that is known."""

import pytest

QWEN = "--model Qwen/Qwen3-32B-AWQ"
PLAIN = "--model Qwen/Qwen2.5-14B-Instruct"


def connector(name, more=""):
    return f"""{QWEN} --kv-transfer-config '{{"kv_connector":"{name}","kv_role":"kv_both"{more}}}'"""


def ngram(more=""):
    return f"""{QWEN} --speculative-config '{{"method":"ngram"{more}}}'"""


REFUSED = [
    ("V06", f"{QWEN} --kv-cache-dtype turboquant_3bit_nc", ("0.14.1", "0.16.0", "0.18.1")),
    ("V06", f"{QWEN} --kv-cache-dtype float16", ("0.14.1",)),
    ("V06", f"{QWEN} --moe-backend b12x", ("0.18.1", "0.25.1")),
    ("V06", f"{QWEN} --moe-backend banana", ("0.18.1", "0.25.1", "0.33.0")),
    ("V06", f"{QWEN} --all2all-backend mori", ("0.14.1", "0.25.1", "0.33.0")),
    ("V06", f"{QWEN} --convert reward", ("0.18.1", "0.25.1")),
    ("V70", f"{PLAIN} --quantization fp8_per_block", ("0.14.1", "0.18.1")),
    ("V70", f"{PLAIN} --quantization ptpc_fp8", ("0.14.1", "0.18.1", "0.25.1", "0.33.0")),
    ("V70", connector("P2pNcclConnector"), ("0.25.1", "0.30.0", "0.33.0")),
    ("V70", connector("Banana"), ("0.18.1", "0.25.1")),
    ("V63", f"{QWEN} -cc.pass_config.enable_fusion=true", ("0.14.1", "0.15.1")),
    ("V63", f"{QWEN} -cc.pass_config.fuse_rope_kvcache=True", ("0.14.1",)),
    ("V71", ngram(), ("0.14.1", "0.25.1", "0.33.0")),
    ("V71", ngram(',"num_speculative_token":3'), ("0.14.1",)),
]

TAKEN_OR_UNKNOWN = [
    ("V06", f"{QWEN} --kv-cache-dtype turboquant_3bit_nc", ("0.13.0", "0.20.2", "0.25.1", "0.30.0", "0.33.0")),
    ("V06", f"{QWEN} --moe-backend banana", ("0.20.2",)),
    ("V06", f"{QWEN} --moe-backend flashinfer-cutlass", ("0.25.1",)),
    ("V06", f"{QWEN} --all2all-backend mori", ("0.16.0", "0.18.1", "0.20.2")),
    ("V06", f"{QWEN} --convert mm_encoder_only", ("0.14.1", "0.15.1")),
    ("V70", f"{PLAIN} --quantization fp8_per_block", ("0.13.0", "0.20.2", "0.25.1", "0.33.0")),
    ("V70", f"{QWEN} --quantization marlin", ("0.14.1", "0.25.1")),
    ("V70", connector("P2pNcclConnector"), ("0.14.1", "0.18.1", "0.20.2")),
    ("V70", connector("Banana"), ("0.14.1",)),
    ("V18", f"{QWEN} --quantization marlin", ("0.14.1", "0.25.1")),
    ("V70", connector("Banana", ',"kv_connector_module_path":"my.own"'), ("0.25.1",)),
    ("V63", f"{QWEN} -cc.pass_config.enable_fusion=true", ("0.12.0", "0.13.0")),
    ("V63", f"{QWEN} -cc.pass_config.fuse_rope_kvcache=True", ("0.17.1", "0.18.1", "0.25.1")),
    ("V71", ngram(',"num_speculative_tokens":3'), ("0.14.1", "0.25.1")),
    ("V71", f"{ngram()} --spec-tokens 3", ("0.25.1",)),
    ("V71", ngram(), ("0.13.0",)),
]


@pytest.mark.parametrize(("rule", "command", "releases"), REFUSED)
def test_what_a_release_was_heard_to_refuse_is_an_error_there(found, rule, command, releases):
    assert [found(command, release=each).get(rule) for each in releases] == ["error"] * len(releases)


@pytest.mark.parametrize(("rule", "command", "releases"), TAKEN_OR_UNKNOWN)
def test_what_a_release_takes_or_was_not_asked_is_not_told(found, rule, command, releases):
    assert [found(command, release=each).get(rule) for each in releases] == [None] * len(releases)


@pytest.mark.parametrize(("rule", "command"), [
    ("V06", f"{QWEN} --all2all-backend mori"), ("V70", f"{PLAIN} --quantization ptpc_fp8"), ("V71", ngram()),
])  # fmt: skip
def test_where_nobody_named_the_release_a_word_that_the_newest_refuses_is_a_warning(found, rule, command):
    assert found(command, release=None)[rule] == "warning"


def test_a_deprecated_method_that_is_allowed_by_its_flag_is_not_told(found):
    assert "V70" not in found(f"{PLAIN} --quantization ptpc_fp8 --allow-deprecated-quantization", release="0.18.1")
