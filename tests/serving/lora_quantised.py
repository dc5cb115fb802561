"""The application's 4-bit, 8-bit and bf16 paths on a CUDA machine, by hand: they need one, so no test runs them.

    python tests/serving/lora_quantised.py FOLDER

Needs the application's requirements. Writes a random model of 0.7 billion parameters and an adapter into FOLDER, loads
it each way through the application, asks a question with and without the adapter, and prints what came of it as JSON.
"""

import dataclasses
import json
import sys
import time
from pathlib import Path

import torch
from tiny_model import adapter, base, tokenizer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "templates" / "transformers-lora"))
from app.chat import Ask, End
from app.loading import Loader
from app.settings import read_settings

SIZE = {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 16, "num_attention_heads": 16}
ASK = Ask(messages=({"role": "user", "content": "hello"},), max_tokens=64)


def loaded(settings):
    """A loader that is done, and the seconds it took."""
    began, loader = time.monotonic(), Loader(settings)
    loader.begin()
    while loader.status().status == "loading":
        time.sleep(0.05)
    assert loader.status().status == "ready", loader.status()
    return loader, time.monotonic() - began


def answered(loader):
    """(text, tokens a second)"""
    began = time.monotonic()
    *pieces, end = loader.chat.stream(ASK)
    assert isinstance(end, End)
    return "".join(pieces), end.completion_tokens / (time.monotonic() - began)


def measured(settings):
    """One way of loading, with what it takes and says."""
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    loader, load_s = loaded(settings)
    taken_gib = (torch.cuda.memory_allocated() - before) / 2**30
    text, tokens_per_s = answered(loader)
    kinds = {type(each).__name__ for each in loader.chat._model.modules() if "Linear" in type(each).__name__}
    return text, {
        "allocated_gib": round(taken_gib, 3), "load_s": round(load_s, 1), "tokens_per_s": round(tokens_per_s, 1),
        "linear_layers": sorted(kinds),
    }  # fmt: skip


def main():
    """All three, with and without the adapter."""
    home = Path(sys.argv[1])
    words = tokenizer()
    model = base(home / "base", words, **SIZE)
    adapter(model, home / "adapter", str(home / "base"))
    del model
    plain = read_settings({"MODEL_NAME": str(home / "base"), "API_KEY": "k"})
    found = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    for quantization in ("bf16", "8bit", "4bit"):
        wanted = dataclasses.replace(plain, quantization=quantization)
        alone, _ = measured(wanted)
        text, figures = measured(dataclasses.replace(wanted, adapter=str(home / "adapter")))
        found[quantization] = {**figures, "adapter_changes_the_answer": text != alone, "answered": bool(text)}
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


main()
