"""Flags of other engines that stand in vLLM's command lines, with whose they are and what vLLM calls the same."""

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
