"""What a model inside a Python program really takes: random weights from a config, one batch, on a machine with CUDA.

    python3 tests/accuracy/in_process_lab.py OUT.jsonl

Wants torch and transformers and no network. Every case runs in a process of its own; the figures go to
tests/accuracy/in_process.jsonl by hand.
"""

import json
import subprocess
import sys

E5 = {
    "type": "xlm-roberta",
    "vocab_size": 250002,
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
}
NER = {
    "type": "camembert",
    "vocab_size": 32005,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
}
BERT = {
    "type": "bert",
    "vocab_size": 105879,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}
MINILM = {
    "type": "bert",
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}
QWEN = {"type": "qwen2", "vocab_size": 151936, "hidden_size": 1536, "num_hidden_layers": 28, "num_attention_heads": 12,
        "num_key_value_heads": 2, "intermediate_size": 8960, "max_position_embeddings": 32768,
        "tie_word_embeddings": True}  # fmt: skip
CASES = [
    {"model": "e5-large", "config": E5, "dtype": "float16", "batch": 32, "sequence": 512, "attention": "sdpa"},
    {"model": "e5-large", "config": E5, "dtype": "float32", "batch": 32, "sequence": 512, "attention": "sdpa"},
    {"model": "e5-large", "config": E5, "dtype": "float16", "batch": 32, "sequence": 512, "attention": "eager"},
    {"model": "e5-large", "config": E5, "dtype": "float16", "batch": 128, "sequence": 256, "attention": "sdpa"},
    {"model": "camembert-ner", "config": NER, "dtype": "float16", "batch": 16, "sequence": 512, "attention": "sdpa"},
    {"model": "camembert-ner", "config": NER, "dtype": "float32", "batch": 16, "sequence": 512, "attention": "eager"},
    {"model": "bert-sentiment", "config": BERT, "dtype": "float16", "batch": 24, "sequence": 512, "attention": "sdpa"},
    {"model": "minilm", "config": MINILM, "dtype": "float16", "batch": 64, "sequence": 256, "attention": "sdpa"},
    {"model": "qwen-1.5b", "config": QWEN, "dtype": "bfloat16", "batch": 4, "sequence": 1000, "new_tokens": 24,
     "attention": "sdpa"},
    {"model": "qwen-1.5b", "config": QWEN, "dtype": "bfloat16", "batch": 16, "sequence": 2048, "new_tokens": 64,
     "attention": "sdpa"},
]  # fmt: skip


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--case":
        print(json.dumps(measure(json.loads(sys.argv[2]))))
        return
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        for case in CASES:
            command = [sys.executable, __file__, "--case", json.dumps(case)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            line = done.stdout.strip().splitlines()[-1] if done.returncode == 0 else json.dumps(
                {**case, "error": done.stderr[-400:]})  # fmt: skip
            print(line, flush=True)
            out.write(line + "\n")


def measure(case):
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM
    from transformers import __version__ as transformers_version

    settings = dict(case["config"])
    config = AutoConfig.for_model(settings.pop("type"), **settings)
    dtype = getattr(torch, case["dtype"])
    generates = "new_tokens" in case
    torch.zeros(1, device="cuda")
    context = _used(torch)
    make = AutoModelForCausalLM if generates else AutoModel
    model = make.from_config(config, attn_implementation=case["attention"]).to(dtype).to("cuda").eval()
    weights = torch.cuda.memory_allocated()
    tokens = torch.randint(5, config.vocab_size - 5, (case["batch"], case["sequence"]), device="cuda")
    mask = torch.ones_like(tokens)
    mask[0, case["sequence"] // 2 :] = 1 if generates else 0  # one shorter sequence: real batches are padded
    with torch.inference_mode():
        for _ in range(2):
            if generates:
                count = case["new_tokens"]
                model.generate(tokens, attention_mask=mask, max_new_tokens=count, min_new_tokens=count, do_sample=False)
            else:
                model(input_ids=tokens, attention_mask=mask)
    torch.cuda.synchronize()
    return {
        **{key: value for key, value in case.items() if key != "config"},
        "card": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "transformers": transformers_version,
        "total_gib": _gib(torch.cuda.mem_get_info()[1]),
        "context_gib": _gib(context),
        "weights_gib": _gib(weights),
        "peak_gib": _gib(torch.cuda.max_memory_allocated()),
        "reserved_gib": _gib(torch.cuda.max_memory_reserved()),
        "used_gib": _gib(_used(torch)),
    }


def _used(torch):
    free, total = torch.cuda.mem_get_info()
    return total - free


def _gib(count):
    return round(count / 2**30, 3)


if __name__ == "__main__":
    main()
