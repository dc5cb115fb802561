"""Runs in the application's own Python: writes a tiny random model, an adapter for it and one for another model.

Usage: tiny_model.py FOLDER. Writes to stdout what plain transformers say to a prompt: the tests compare with it.
"""

import json
import sys
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = """{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}\
<{{ m['role'] }}> {{ m['content'] }} {% endfor %}{% if add_generation_prompt %}<assistant> {% endif %}"""
QUESTION = [{"role": "user", "content": "hello"}]
ANSWER_TOKENS = 12


def tokenizer():
    """One token a character of ASCII (a space is Ġ, a new line Ċ): every answer is text."""
    letters = [*map(chr, range(33, 127)), "Ġ", "Ċ"]
    vocabulary = {each: number for number, each in enumerate([*letters, "<end>"])}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>", chat_template=TEMPLATE)


def base(folder, words, **size):
    """A Llama of two layers, or of another `size`, whose weights are drawn once."""
    torch.manual_seed(7)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(
        vocab_size=len(words), num_key_value_heads=2, max_position_embeddings=256, bos_token_id=None,
        eos_token_id=words.eos_token_id, **{**small, **size},
    )  # fmt: skip
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return model


def adapter(model, folder, made_for):
    """An adapter whose weights do something."""
    torch.manual_seed(11)
    tuned = get_peft_model(model, LoraConfig(r=8, lora_alpha=64, target_modules=["q_proj", "v_proj", "down_proj"]))
    for name, weights in tuned.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weights, std=0.5)
    tuned.save_pretrained(folder)
    settings = Path(folder) / "adapter_config.json"
    body = json.loads(settings.read_text(encoding="utf-8"))
    settings.write_text(json.dumps({**body, "base_model_name_or_path": made_for}), encoding="utf-8")


def said(folder, adapter_folder=None):
    """What transformers and PEFT answer without any server."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    if adapter_folder:
        model = PeftModel.from_pretrained(model, adapter_folder)
    words = PreTrainedTokenizerFast.from_pretrained(folder)
    prompt = words.apply_chat_template(QUESTION, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    ids = prompt["input_ids"]
    out = model.eval().generate(
        input_ids=ids, attention_mask=prompt["attention_mask"], max_new_tokens=ANSWER_TOKENS, do_sample=False
    )
    return {"text": words.decode(out[0][ids.shape[1] :], skip_special_tokens=True), "prompt_tokens": ids.shape[1]}


def main():
    """Write everything, tell the answers as JSON."""
    home = Path(sys.argv[1])
    words = tokenizer()
    model = base(home / "base", words)
    adapter(model, home / "adapter", str(home / "base"))
    adapter(base(home / "scratch", words), home / "foreign", "somebody/another-model")
    sys.stdout.write(json.dumps({"base": said(home / "base"), "adapted": said(home / "base", home / "adapter")}))


if __name__ == "__main__":
    main()
