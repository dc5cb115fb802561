"""Runs where accelerate is installed: its own `estimate-memory`, and each model's tensors as transformers builds them.

stdin: {"models": {name: config}}; stdout: a line of JSON a model. HF_ENDPOINT names a hub that holds the configs.
"""

import contextlib
import json
import sys

import accelerate
import torch
import transformers
from accelerate.commands.estimate import create_empty_model
from accelerate.utils import calculate_maximum_sizes


def estimated_bytes(name: str) -> int:
    """In 32 bit, as `accelerate estimate-memory` finds it before it divides for narrower types."""
    with contextlib.redirect_stdout(sys.stderr):
        model = create_empty_model(name, library_name="transformers")
    return int(calculate_maximum_sizes(model)[0])


def tensors(config: dict) -> dict[str, list[int]]:
    """Name to shape of what a checkpoint of this config holds; a tied head is stored once."""
    plain = {key: value for key, value in config.items() if key != "quantization_config"}
    chosen = transformers.AutoConfig.for_model(**plain)
    kind = transformers.AutoModelForImageTextToText if "vision_config" in config else transformers.AutoModelForCausalLM
    with torch.device("meta"):
        model = kind.from_config(chosen, dtype=torch.bfloat16)
    tied = bool(config.get("tie_word_embeddings"))
    return {
        name: list(value.shape)
        for name, value in model.state_dict().items()
        if not (tied and name.endswith("lm_head.weight"))
    }


def answered(name: str, config: dict) -> dict:
    """The tool's figure or its own words, and the tensors."""
    answer: dict = {"model": name, "version": accelerate.__version__}
    for key, ask in (("tensors", lambda: tensors(config)), ("bytes", lambda: estimated_bytes(name))):
        try:
            answer[key] = ask()
        except Exception as error:  # whatever a tool says is its answer
            answer[f"{key}_error"] = f"{type(error).__name__}: {error}"[:200]
    return answer


if __name__ == "__main__":
    for each, its_config in json.load(sys.stdin)["models"].items():
        print(json.dumps(answered(each, its_config)), flush=True)
