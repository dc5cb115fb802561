"""Settings that people plan with and that do not do what they are taken for."""

from cloudgpu.sizing.pack.budget import Entry


def remark_on(name: str, value: object, entry: Entry | None) -> str | None:
    """What is wrong with a planned setting; None when we know of nothing. `entry` None: it is meant for all.

    Sources: the argument parsers of vLLM 0.11 to 0.33, transformers 4.57 and 5.
    """
    key = name.lower().replace("-", "_")
    if key in _ALWAYS:
        return f"{name}: {value} — {_ALWAYS[key]}"
    if key in _SERVERS and entry is not None and entry.takes_share:
        return f"{name}: {value} — {_SERVERS[key]}"
    return None


_ALWAYS = {
    "memory_fraction": "a word of TensorFlow's: no engine here reads it; a server takes --gpu-memory-utilization, each "
    "its own share",
    "allow_growth": "a word of TensorFlow's: PyTorch always grows, and vLLM takes its whole share at start",
    "load_in_8bit": "deprecated: transformers takes quantization_config=BitsAndBytesConfig(load_in_8bit=True)",
    "load_in_4bit": "deprecated: transformers takes quantization_config=BitsAndBytesConfig(load_in_4bit=True)",
    "torch_dtype": "deprecated: the argument is called dtype",
    "swap_space": "without effect since vLLM's V1 engine, and unknown from 0.18 on",
}

_SERVERS = {
    "load_strategy": "a server cannot be loaded on demand: its start takes minutes (load, compile, graphs) and its "
    "room must stay free all the same; vLLM's sleep mode gives the memory back while the process stays",
    "device_map": "an argument of transformers: vLLM splits by --tensor-parallel-size",
    "offload_folder": "an argument of transformers: a quantised checkpoint offloaded so reads its weights from disk "
    "for every token",
    "exllama": "vLLM chooses its own kernels for GPTQ (Marlin)",
}
