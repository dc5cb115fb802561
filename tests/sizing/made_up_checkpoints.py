"""Small checkpoints as real ones are laid out: headers are genuine, the numbers behind them are a hole in the file."""

import json
import struct
from math import prod

BITS = {"F32": 32, "BF16": 16, "F16": 16, "F8_E4M3": 8, "F8_E8M0": 8, "U8": 8, "I8": 8, "I32": 32, "I64": 64, "F4": 4}

QWEN2 = {
    "model_type": "qwen2",
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
TIED_QWEN2 = {**QWEN2, "tie_word_embeddings": True}
MIXTURE = {
    **QWEN2,
    "model_type": "qwen3_moe",
    "head_dim": 16,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
}
AWQ_QWEN2 = {**QWEN2, "torch_dtype": "float16", "quantization_config": {"quant_method": "awq", "bits": 4}}


def qwen2_tensors(config=QWEN2, dtype="BF16"):
    """Name to (number format, shape), as transformers saves a Qwen2; the head is always there, as in many files."""
    h, width, kv = config["hidden_size"], config["intermediate_size"], config["num_key_value_heads"]
    kv_width = kv * h // config["num_attention_heads"]
    found = {
        "model.embed_tokens.weight": (dtype, (config["vocab_size"], h)),
        "model.norm.weight": (dtype, (h,)),
        "lm_head.weight": (dtype, (config["vocab_size"], h)),
    }
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        for name, rows in (("q", h), ("k", kv_width), ("v", kv_width)):
            found[f"{at}.self_attn.{name}_proj.weight"] = (dtype, (rows, h))
            found[f"{at}.self_attn.{name}_proj.bias"] = (dtype, (rows,))
        found[f"{at}.self_attn.o_proj.weight"] = (dtype, (h, h))
        for name, shape in (("gate", (width, h)), ("up", (width, h)), ("down", (h, width))):
            found[f"{at}.mlp.{name}_proj.weight"] = (dtype, shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            found[f"{at}.{name}.weight"] = (dtype, (h,))
    return found


def mixture_tensors(config=MIXTURE, dtype="BF16"):
    """A Qwen3 mixture of experts: norms on queries and keys, a router, experts one by one."""
    dense = qwen2_tensors(config, dtype)
    found = {name: row for name, row in dense.items() if ".mlp." not in name and "bias" not in name}
    h, width = config["hidden_size"], config["moe_intermediate_size"]
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        for name in ("q_norm", "k_norm"):
            found[f"{at}.self_attn.{name}.weight"] = (dtype, (config["head_dim"],))
        found[f"{at}.mlp.gate.weight"] = (dtype, (config["num_experts"], h))
        for expert in range(config["num_experts"]):
            for name, shape in (("gate", (width, h)), ("up", (width, h)), ("down", (h, width))):
                found[f"{at}.mlp.experts.{expert}.{name}_proj.weight"] = (dtype, shape)
    return found


def awq_tensors(config=AWQ_QWEN2, group=128):
    """The same in AWQ's layout: eight 4-bit numbers an I32, a scale and a zero point for each group."""
    found = {}
    for name, (_, shape) in qwen2_tensors(config, "F16").items():
        if "_proj.weight" not in name:
            found[name] = ("F16", shape)
            continue
        rows, columns = shape
        groups = -(-columns // group)
        stem = name.removesuffix("weight")
        found[f"{stem}qweight"] = ("I32", (columns, rows // 8))
        found[f"{stem}qzeros"] = ("I32", (groups, rows // 8))
        found[f"{stem}scales"] = ("F16", (groups, rows))
    return found


def stored_bytes(tensors):
    return sum(_bytes(dtype, shape) for dtype, shape in tensors.values())


def write_safetensors(path, tensors, *, cut=0):
    """A safetensors file with a genuine header; `cut` bytes are missing at its end."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, shape) in tensors.items():
        end = offset + _bytes(dtype, shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(max(8 + len(text) + offset - cut, 0))
    return path


def write_model(folder, config, tensors, *, shards=1):
    """A folder as the Hub holds it: config.json, one file or an index and its shards."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    if shards == 1:
        write_safetensors(folder / "model.safetensors", tensors)
        return folder
    names = list(tensors)
    weight_map = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        mine = names[shard::shards]
        write_safetensors(folder / file, {name: tensors[name] for name in mine})
        weight_map |= dict.fromkeys(mine, file)
    index = {"metadata": {"total_size": stored_bytes(tensors)}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


GGUF_TYPES = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144), "Q6_K": (14, 256, 210)}

GGUF_LLAMA = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.embedding_length": 256,
    "llama.feed_forward_length": 512,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "llama.attention.key_length": 64,
    "llama.context_length": 2048,
}


def gguf_tensors(layers=2, hidden=256, width=512, kv_width=128, vocab=1024):
    """Name to (ggml type, logical shape, innermost first), as llama.cpp names a Llama in a Q4_K_M mix."""
    found = {
        "token_embd.weight": ("Q4_K", (hidden, vocab)),
        "output_norm.weight": ("F32", (hidden,)),
        "output.weight": ("Q6_K", (hidden, vocab)),
    }
    for layer in range(layers):
        at = f"blk.{layer}"
        found |= {
            f"{at}.attn_norm.weight": ("F32", (hidden,)),
            f"{at}.attn_q.weight": ("Q4_K", (hidden, hidden)),
            f"{at}.attn_k.weight": ("Q4_K", (hidden, kv_width)),
            f"{at}.attn_v.weight": ("Q6_K", (hidden, kv_width)),
            f"{at}.attn_output.weight": ("Q4_K", (hidden, hidden)),
            f"{at}.ffn_norm.weight": ("F32", (hidden,)),
            f"{at}.ffn_gate.weight": ("Q4_K", (hidden, width)),
            f"{at}.ffn_up.weight": ("Q4_K", (hidden, width)),
            f"{at}.ffn_down.weight": ("Q6_K", (width, hidden)),
        }
    return found


def gguf_bytes(tensors):
    return sum(_gguf_size(kind, shape) for kind, shape in tensors.values())


def write_gguf(path, metadata=GGUF_LLAMA, tensors=None, *, vocabulary=0, cut=0):
    """A GGUF 3 file with a genuine header; `vocabulary` tokens make its header long."""
    tensors = gguf_tensors() if tensors is None else tensors
    keys = b"".join(_key(name, value) for name, value in metadata.items())
    if vocabulary:
        keys += _text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, vocabulary)
        keys += b"".join(_text(f"token{number}") for number in range(vocabulary))
    rows, offset = b"", 0
    for name, (kind, shape) in tensors.items():
        rows += _text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", side) for side in shape)
        rows += struct.pack("<IQ", GGUF_TYPES[kind][0], offset)
        offset += -(-_gguf_size(kind, shape) // 32) * 32
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata) + bool(vocabulary)) + keys + rows
    with path.open("wb") as file:
        file.write(header)
        file.truncate(max(-(-len(header) // 32) * 32 + offset - cut, 4))
    return path


def _bytes(dtype, shape):
    return prod(shape) * BITS[dtype] // 8


def _gguf_size(kind, shape):
    _, block, size = GGUF_TYPES[kind]
    return prod(shape) // block * size


def _key(name, value):
    if isinstance(value, str):
        return _text(name) + struct.pack("<I", 8) + _text(value)
    return _text(name) + struct.pack("<II", 4, value)


def _text(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw
