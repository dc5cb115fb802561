"""Number formats against release, checkpoint and card: V18 to V24, V35, V47, V67, V69."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.rule import rule
from cloudgpu.sizing.engines.profile import capability

_SAME = {
    "awq": {"awq", "awq_marlin", "auto_awq", "compressed-tensors", "marlin", "moe_wna16"},
    "gptq": {"gptq", "gptq_marlin", "auto_gptq", "gptq_bitblas", "marlin", "moe_wna16"},
    "gptq-int8": {"gptq", "gptq_marlin", "auto_gptq", "gptq_bitblas", "moe_wna16"},
    "fp8": {"fp8", "compressed-tensors", "modelopt", "fbgemm_fp8"},
    "fp8-channel": {"fp8", "compressed-tensors", "fbgemm_fp8"},
    "mxfp4": {"mxfp4", "gpt_oss_mxfp4"},
    "nvfp4": {"modelopt_fp4", "modelopt", "nvfp4", "compressed-tensors"},
    "int8": {"compressed-tensors", "int8"},
}
_STORED = frozenset({
    "aqlm", "auto_awq", "auto_gptq", "awq", "awq_marlin", "compressed-tensors", "fbgemm_fp8", "gptq", "gptq_bitblas",
    "gptq_marlin", "gptq_marlin_24", "marlin", "modelopt", "modelopt_fp4", "moe_wna16", "quark", "squeezellm",
})  # fmt: skip
"""Methods that a checkpoint must bring. Others are made on loading, or are too new to be judged."""

_COMPARED = _STORED | {"bitsandbytes", "fp8", "gguf", "mxfp4"}
_WITHOUT_MLA = ("qwen", "llama", "mistral", "mixtral", "gemma", "phi", "granite", "gpt_oss")
_ONLY_V1 = (0, 11, 0)
_NEVER_HALF, _REFUSES_HALF = ("gemma2", "gemma3", "glm4"), (0, 9, 2)
"""The families that the engine refuses in float16, and the first release that was seen to (0.8.5 did not)."""
_GGUF_GONE, _BNB_GONE = (0, 24), (0, 28)


@rule("V18", Severity.ERROR, "quantisation that is not the checkpoint's", source="vLLM's config validation")
def wrong_method(case: Case) -> Iterator[Hit]:
    """The engine compares `--quantization` with what the checkpoint's config says."""
    asked = case.args.value("--quantization")
    if asked is None or case.model is None:
        return
    have = case.model.quantization
    if have is None and asked in _STORED:
        yield Hit(
            message=f"{case.model_name} is not quantised: --quantization {asked} finds no quantisation config",
            fix="name a quantised repository, or drop the flag", at=case.at("--quantization"),
            edits=(Edit(flag="--quantization"),),
        )  # fmt: skip
    elif have in _SAME and asked in _COMPARED - _SAME[have]:
        yield Hit(
            message=f"{case.model_name} is {have}, which --quantization {asked} does not match", fix="drop the flag",
            at=case.at("--quantization"), edits=(Edit(flag="--quantization"),),
        )  # fmt: skip


@rule("V19", Severity.ERROR, "bitsandbytes, which left the engine", versions=">= 0.28", source="vllm pull 43529")
def bitsandbytes(case: Case) -> Iterator[Hit]:
    """Since 0.28 it is a plugin."""
    asked = case.args.value("--quantization") == "bitsandbytes" or case.args.value("--load-format") == "bitsandbytes"
    stored = case.model is not None and (case.model.quantization or "").startswith("bitsandbytes")
    if (asked or stored) and case.release >= _BNB_GONE:
        yield Hit(
            message=f"bitsandbytes left vLLM at 0.28; {case.version} serves it only with the plugin vllm-bnb-plugin",
            fix="use an AWQ, GPTQ or FP8 checkpoint", at=case.at("--quantization"),
        )  # fmt: skip


@rule("V20", Severity.ERROR, "GGUF, which left the engine", versions=">= 0.24", source="vllm pull 39612")
def gguf(case: Case) -> Iterator[Hit]:
    """Since 0.24 it is a plugin."""
    names_file = (case.model_name or "").lower().split(":")[0].endswith((".gguf", "-gguf"))
    if (names_file or case.args.value("--quantization") == "gguf") and case.release >= _GGUF_GONE:
        yield Hit(
            message=f"GGUF left vLLM at 0.24; {case.version} serves it only with a plugin",
            fix="serve GGUF files with llama.cpp, or use an AWQ or FP8 checkpoint", at=case.at("--model"),
        )  # fmt: skip


@rule("V21", Severity.ERROR, "format that the card is too old (or too new) for", source="vLLM's minimum capabilities")
def card_too_old(case: Case) -> Iterator[Hit]:
    """The engine's own minimum capability for the checkpoint's format and for its image."""
    if case.memory and case.memory.hardware_error and "cache" not in case.memory.hardware_error.lower():
        yield Hit(message=case.memory.hardware_error, fix="use a newer card or another quantisation",
                  at=case.at("--model"))  # fmt: skip


@rule("V22", Severity.ERROR, "fp8 KV cache that the card cannot keep", source="vllm issue 26431; starts of 0.25.1")
def fp8_cache(case: Case) -> Iterator[Hit]:
    """Cards before Ada have no fp8e4nv; later releases fall back to FlashInfer, none of that is certain below 8.0.

    Before 0.11 the V0 engine took over, whose own kernels convert; what it refuses it refuses at a request.
    """
    error = case.memory.hardware_error if case.memory else None
    if error and "cache" in error.lower() and not _is_half_with_fp8_cache_on_hopper(case):
        yield Hit(
            message=error, fix="drop --kv-cache-dtype, or use a card of capability 8.9 or newer",
            at=case.at("--kv-cache-dtype"), edits=(Edit(flag="--kv-cache-dtype"),),
            severity=Severity.WARNING if case.release < _ONLY_V1 else None,
        )  # fmt: skip


@rule("V23", Severity.NOTE, "fp8 KV cache without scales", source="vLLM documentation, quantized KV cache")
def fp8_without_scales(case: Case) -> Iterator[Hit]:
    """Scales default to 1.0 when the checkpoint brings none: what that costs has to be tested."""
    if (case.args.value("--kv-cache-dtype") or "").startswith("fp8"):
        yield Hit(
            message="an fp8 KV cache uses scales of 1.0 unless the checkpoint brings its own: test the answers",
            at=case.at("--kv-cache-dtype"),
        )  # fmt: skip


@rule("V67", Severity.ERROR, "fp8_e5m2 KV cache beside an FP8 checkpoint",
      source="vLLM source, 0.11.0 to 0.33.0: its attention layer raises")  # fmt: skip
def e5m2_cache(case: Case) -> Iterator[Hit]:
    """Refused as the model is built. A compressed-tensors checkpoint without scales for its cache is let through."""
    stored = (case.model.quantization or "") if case.model else ""
    if stored.startswith("fp8") and case.args.value("--kv-cache-dtype") == "fp8_e5m2":
        name = (case.model_name or "").lower()
        yield Hit(
            message=f"{case.model_name} is an FP8 checkpoint, beside which vLLM refuses an fp8_e5m2 cache",
            fix="use --kv-cache-dtype fp8", at=case.at("--kv-cache-dtype"),
            edits=(Edit(flag="--kv-cache-dtype", value="fp8"),),
            severity=None if stored == "fp8" and name.endswith("-fp8") else Severity.WARNING,
        )  # fmt: skip


@rule("V69", Severity.ERROR, "fp8_ds_mla KV cache outside DeepSeek's attention",
      source="vLLM 0.25.1: attention backends; vllm issue 42587")  # fmt: skip
def ds_mla_cache(case: Case) -> Iterator[Hit]:
    """The parser takes it for every model; only the sparse attention of DeepSeek's kind keeps such a cache."""
    family = case.model.family if case.model else None
    if case.args.value("--kv-cache-dtype") == "fp8_ds_mla" and family and family.startswith(_WITHOUT_MLA):
        yield Hit(
            message=f"{case.model_name} does not keep a latent cache: no attention backend serves fp8_ds_mla for it",
            fix="use --kv-cache-dtype fp8", at=case.at("--kv-cache-dtype"),
            edits=(Edit(flag="--kv-cache-dtype", value="fp8"),),
        )  # fmt: skip


@rule("V24", Severity.NOTE, "FP8 weights that save memory but no time", source="vLLM source")
def fp8_weights_on_ampere(case: Case) -> Iterator[Hit]:
    """Before capability 8.9 FP8 weights run through Marlin: weight-only."""
    card = case.host.gpu.compute_capability if case.host else None
    is_fp8 = case.model is not None and (case.model.quantization or "").startswith("fp8")
    if is_fp8 and card and (8, 0) <= capability(card) < (8, 9):
        yield Hit(message=f"FP8 weights save memory on {case.host.gpu.name if case.host else ''} but no time: it "
                  "computes in 16 bit", at=case.at("--model"))  # fmt: skip


@rule("V35", Severity.WARNING, "float16 for a model made in bfloat16", source="vLLM's own warning")
def half_for_bfloat16(case: Case) -> Iterator[Hit]:
    """Values of a bf16 model can overflow in fp16; Gemma and GLM-4 are refused."""
    asked = case.args.value("--dtype")
    if asked not in ("half", "float16") or case.model is None:
        return
    if case.model.quantization in ("awq", "gptq", "gptq-int8"):
        return
    if case.model.dtype == "bfloat16":
        refused = case.model.family in _NEVER_HALF and case.release >= _REFUSES_HALF
        outcome = "is refused for this family (numerical instability)" if refused else "can overflow"
        yield Hit(
            message=f"{case.model_name} was made in bfloat16: --dtype {asked} {outcome}",
            fix="drop --dtype (auto)", at=case.at("--dtype"), edits=(Edit(flag="--dtype", value="auto"),),
            severity=Severity.ERROR if refused else None,
        )  # fmt: skip


@rule("V47", Severity.ERROR, "float16 with an fp8 KV cache on Hopper", versions="0.25.1 measured",
      source="vLLM 0.25.1 on an H100: FlashAttention-3 refuses it")  # fmt: skip
def half_with_fp8_cache(case: Case) -> Iterator[Hit]:
    """It passes profiling and dies in the FlashAttention-3 kernel."""
    if _is_half_with_fp8_cache_on_hopper(case):
        yield Hit(
            message="on Hopper an fp8 KV cache needs bfloat16: FlashAttention-3 refuses float16 beside it",
            fix="use --dtype bfloat16", at=case.at("--dtype"), edits=(Edit(flag="--dtype", value="bfloat16"),),
        )  # fmt: skip


def _is_half_with_fp8_cache_on_hopper(case: Case) -> bool:
    card = case.host.gpu.compute_capability if case.host else None
    asked = case.args.value("--dtype") in ("half", "float16")
    return asked and card == "9.0" and (case.args.value("--kv-cache-dtype") or "").startswith("fp8")
