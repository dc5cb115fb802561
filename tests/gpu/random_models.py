"""Models of the catalogue with random weights, laid out as a Hub cache: an engine loads them by name, with no network.

What such a model says is noise; that it starts, what it takes and who may ask are the engine's own.
"""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PreTrainedTokenizerFast,
)

from cloudgpu.sizing.catalog import read_rows

_TEMPLATE = """{% for m in messages %}<|im_start|>{{ m['role'] }}: {% if m['content'] is string %}{{ m['content'] }}\
{% else %}{% for part in m['content'] %}{% if part['type'] in ('image', 'image_url') %}\
<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}"""
_SPECIAL = {
    "<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645, "<|vision_start|>": 151652,
    "<|vision_end|>": 151653, "<|image_pad|>": 151655, "<|video_pad|>": 151656, "<tool_call>": 151657,
    "</tool_call>": 151658, "<think>": 151667, "</think>": 151668,
}  # fmt: skip
"""Where the Qwen models have them; every other number of their vocabulary gets a word."""

_POSITIONS = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20], "mrope_interleaved": True}
_SEES = {
    "size": {"longest_edge": 16777216, "shortest_edge": 65536}, "patch_size": 16, "temporal_patch_size": 2,
    "merge_size": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "processor_class": "Qwen3VLProcessor",
}  # fmt: skip
_PROCESSORS = {
    "preprocessor_config.json": {**_SEES, "image_processor_type": "Qwen2VLImageProcessorFast"},
    "video_preprocessor_config.json": {**_SEES, "video_processor_type": "Qwen3VLVideoProcessor"},
}


def write_model(home: Path, model_id: str) -> None:
    """The model with its tokenizer, and with its processors where it sees; left alone when it is there."""
    folder = _snapshot(home, model_id)
    if (folder / "config.json").exists():
        return
    config = _config(model_id)
    _drawn(config).save_pretrained(folder)
    _words().save_pretrained(folder)
    for name, body in (_PROCESSORS if hasattr(config, "vision_config") else {}).items():
        (folder / name).write_text(json.dumps(body), encoding="utf-8")


def write_adapter(home: Path, adapter_id: str, model_id: str, rank: int) -> None:
    """An adapter of that model whose weights change every answer; left alone when it is there."""
    folder = _snapshot(home, adapter_id)
    if (folder / "adapter_config.json").exists():
        return
    tuned = get_peft_model(_drawn(_config(model_id)), LoraConfig(r=rank, target_modules=["q_proj", "v_proj"]))
    for name, weights in tuned.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weights, std=0.5)
    tuned.peft_config["default"].base_model_name_or_path = model_id
    tuned.save_pretrained(folder)


def _snapshot(home: Path, repository: str) -> Path:
    """Its only snapshot, the one that `main` names."""
    top = home / "hub" / f"models--{repository.replace('/', '--')}"
    (top / "refs").mkdir(parents=True, exist_ok=True)
    (top / "refs" / "main").write_text("0", encoding="utf-8")
    (top / "snapshots" / "0").mkdir(parents=True, exist_ok=True)
    return top / "snapshots" / "0"


def _config(model_id: str):
    """The catalogue's config.json, with the numbers of the tokens below."""
    (row,) = (each for each in read_rows("models") if each["id"] == model_id)
    body = {**row["config"], "bos_token_id": _SPECIAL["<|endoftext|>"], "eos_token_id": _SPECIAL["<|im_end|>"]}
    if "text_config" in body:
        body["text_config"] = {**body["text_config"], "rope_parameters": _POSITIONS}
        body["tie_word_embeddings"] = body["text_config"]["tie_word_embeddings"]
    if body["model_type"] == "xlm-roberta":
        body["position_embedding_type"] = "absolute"
    return AutoConfig.for_model(body.pop("model_type"), **body)


def _drawn(config):
    torch.manual_seed(7)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        return _kind(config).from_config(config, dtype=torch.bfloat16)


def _kind(config):
    if hasattr(config, "vision_config"):
        return AutoModelForImageTextToText
    return AutoModel if (config.architectures or [""])[0].endswith("Model") else AutoModelForCausalLM


def _words() -> PreTrainedTokenizerFast:
    """One token a byte, and a made-up word for every other number, so that every answer is text."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {each: number for number, each in enumerate(letters)}
    vocabulary |= {f"Ġword{number}": number for number in range(len(letters), _SPECIAL["<|endoftext|>"])}
    backend = Tokenizer(models.BPE(vocab=vocabulary | _SPECIAL, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(list(_SPECIAL))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=_TEMPLATE
    )
