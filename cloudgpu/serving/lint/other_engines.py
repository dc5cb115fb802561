"""Engines other than vLLM: which one a service starts, and their flags that stand in vLLM's command lines."""

import re

from cloudgpu.serving.lint.reading.service import Service

_ENGINES = {
    "SGLang": r"sglang",
    "llama.cpp": r"llama\.?cpp|llama-server",
    "Ollama": r"ollama",
    "TGI": r"text-generation-(?:inference|launcher)|\btgi\b",
    "TensorRT-LLM": r"tensorrt|trtllm",
    "LMDeploy": r"lmdeploy",
    "Infinity": r"infinity",
}
_VLLM = re.compile(r"vllm", re.IGNORECASE)

OF_OTHER_ENGINES = {
    "--model-path": ("SGLang", "--model"),
    "--mem-fraction-static": ("SGLang", "--gpu-memory-utilization"),
    "--context-length": ("SGLang", "--max-model-len"),
    "--tp": ("SGLang", "--tensor-parallel-size"),
    "--tp-size": ("SGLang", "--tensor-parallel-size"),
    "--chunked-prefill-size": ("SGLang", "--max-num-batched-tokens"),
    "--max-running-requests": ("SGLang", "--max-num-seqs"),
    "--model-id": ("TGI", "--model"),
    "--num-shard": ("TGI", "--tensor-parallel-size"),
    "--max-total-tokens": ("TGI", "--max-model-len"),
    "--max-input-length": ("TGI", "--max-model-len"),
    "--cuda-memory-fraction": ("TGI", "--gpu-memory-utilization"),
    "--ctx-size": ("llama.cpp", "--max-model-len"),
    "--n-gpu-layers": ("llama.cpp", None),
    "--hf-repo": ("llama.cpp", "--model"),
    "--flash-attn": ("llama.cpp", None),
    "--cache-type-k": ("llama.cpp", "--kv-cache-dtype"),
    "--cache-type-v": ("llama.cpp", "--kv-cache-dtype"),
}
"""Sources: the engines' own documentation of their server arguments."""


def other_engine(service: Service) -> str | None:
    """The engine by its image, else by the words before the first flag; None for vLLM and for what is none."""
    started = _started(service)
    for name, pattern in _ENGINES.items():
        if re.search(pattern, service.image or "", re.IGNORECASE):
            return name
        if re.search(pattern, started, re.IGNORECASE) and not _VLLM.search(started):
            return name
    return None


def _started(service: Service) -> str:
    """The program's words: up to the first flag, and the module behind `-m`."""
    words = [word.text for word in service.words[:4]]
    end = next((index for index, word in enumerate(words) if word.startswith("-") and word != "-m"), len(words))
    return " ".join(words[:end])
