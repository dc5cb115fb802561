"""A Hub cache for engines without a network: each model's config.json from the catalogue, a tokenizer of letters."""

import json
from pathlib import Path

from cloudgpu.sizing.catalog import read_rows

_ARCHITECTURES = {
    "gemma3": "Gemma3ForConditionalGeneration", "gpt_oss": "GptOssForCausalLM", "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM", "qwen3_vl": "Qwen3VLForConditionalGeneration",
}  # fmt: skip
_STORED = {
    "awq": {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"},
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": True},
    "fp8": {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": [128, 128]},
}
_TOLD_BY_FAMILY = {"xlm-roberta": {"position_embedding_type": "absolute"}}
"""What the published file says as well, and the engine reads."""

_MARKS = ("<end>", "<think>", "</think>", "<tool_call>", "</tool_call>", "<|channel|>", "<|message|>", "<|end|>")
"""Tokens by which parsers of reasoning and of tool calls find their way."""


def write_models(folder: Path) -> None:
    """A Hub cache with the config.json of every model of the catalogue whose architecture has a name here."""
    rows = {row["id"]: row for row in read_rows("models")}
    for row in rows.values():
        _write_model(folder, row["id"], row["config"])
    for row in read_rows("quantized"):
        if row["base"] in rows and row["quantization"] in _STORED:
            config = {**rows[row["base"]]["config"], "quantization_config": _STORED[row["quantization"]]}
            config["torch_dtype"] = "float16" if row["quantization"] == "awq" else config["torch_dtype"]
            _write_model(folder, row["id"], config)


def _write_model(folder: Path, model_id: str, config: dict) -> None:
    named = config.get("architectures") or [_ARCHITECTURES.get(config["model_type"])]
    home = folder / "hub" / f"models--{model_id.replace('/', '--')}"
    if named == [None] or home.exists():
        return
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("0", encoding="utf-8")
    (home / "snapshots" / "0").mkdir(parents=True)
    told = _TOLD_BY_FAMILY.get(config["model_type"], {})
    files = {
        "config.json": {**config, **told, "architectures": named},
        "tokenizer.json": _tokenizer(),
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<end>"},
    }
    for name, body in files.items():
        (home / "snapshots" / "0" / name).write_text(json.dumps(body), encoding="utf-8")


def _tokenizer() -> dict:
    """One token a character of ASCII (a space is Ġ, a new line Ċ), and the marks."""
    letters = [*map(chr, range(33, 127)), "Ġ", "Ċ"]
    whole = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    bytes_ = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": len(letters) + i, "content": mark, **whole} for i, mark in enumerate(_MARKS)],
        "pre_tokenizer": bytes_,
        "decoder": bytes_,
        "model": {"type": "BPE", "vocab": {letter: i for i, letter in enumerate(letters)}, "merges": []},
    }
