"""Tensors as published checkpoints name and shape them, for whole models: headers without files."""

from math import prod

from cloudgpu.sizing.checkpoint.tensor import StoredTensor

BYTES = {"BF16": 2, "F32": 4, "U8": 1, "F8_E4M3": 1}


def tensor(name, dtype, *shape):
    return StoredTensor(name, dtype, shape, prod(shape) * BYTES[dtype])


def linear(name, rows, columns, *, bias=False):
    yield tensor(f"{name}.weight", "BF16", rows, columns)
    if bias:
        yield tensor(f"{name}.bias", "BF16", rows)


def fp8_linear(name, rows, columns):
    """128 x 128 blocks with a scale each."""
    yield tensor(f"{name}.weight", "F8_E4M3", rows, columns)
    yield tensor(f"{name}.weight_scale_inv", "F32", -(-rows // 128), -(-columns // 128))


def ends(c, prefix="model."):
    yield tensor(f"{prefix}embed_tokens.weight", "BF16", c["vocab_size"], c["hidden_size"])
    yield tensor(f"{prefix}norm.weight", "BF16", c["hidden_size"])
    yield tensor("lm_head.weight", "BF16", c["vocab_size"], c["hidden_size"])


def norms(at, hidden):
    yield tensor(f"{at}.input_layernorm.weight", "BF16", hidden)
    yield tensor(f"{at}.post_attention_layernorm.weight", "BF16", hidden)


def phi3(c):
    """Fused projections: queries, keys and values in one matrix, gate and up in another."""
    h, heads = c["hidden_size"], c["num_attention_heads"]
    dim = h // heads
    yield from ends(c)
    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        yield from linear(f"{at}.self_attn.qkv_proj", (heads + 2 * c["num_key_value_heads"]) * dim, h)
        yield from linear(f"{at}.self_attn.o_proj", h, h)
        yield from linear(f"{at}.mlp.gate_up_proj", 2 * c["intermediate_size"], h)
        yield from linear(f"{at}.mlp.down_proj", h, c["intermediate_size"])
        yield from norms(at, h)


def mixtral(c):
    """Experts under block_sparse_moe, w1 to w3."""
    h, width = c["hidden_size"], c["intermediate_size"]
    kv = c["num_key_value_heads"] * h // c["num_attention_heads"]
    yield from ends(c)
    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        for name, rows in (("q", h), ("k", kv), ("v", kv), ("o", h)):
            yield from linear(f"{at}.self_attn.{name}_proj", rows, h)
        yield from linear(f"{at}.block_sparse_moe.gate", c["num_local_experts"], h)
        for expert in range(c["num_local_experts"]):
            for name, rows, columns in (("w1", width, h), ("w2", h, width), ("w3", width, h)):
                yield from linear(f"{at}.block_sparse_moe.experts.{expert}.{name}", rows, columns)
        yield from norms(at, h)


def deepseek_v2_lite(c):
    """Latent attention, shared experts, a first dense layer."""
    h, heads = c["hidden_size"], c["num_attention_heads"]
    nope, rope, value, rank = c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"], c["kv_lora_rank"]
    yield from ends(c)
    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        yield from linear(f"{at}.self_attn.q_proj", heads * (nope + rope), h)
        yield from linear(f"{at}.self_attn.kv_a_proj_with_mqa", rank + rope, h)
        yield tensor(f"{at}.self_attn.kv_a_layernorm.weight", "BF16", rank)
        yield from linear(f"{at}.self_attn.kv_b_proj", heads * (nope + value), rank)
        yield from linear(f"{at}.self_attn.o_proj", h, heads * value)
        yield from norms(at, h)
        if layer < c["first_k_dense_replace"]:
            yield from feed_forward(f"{at}.mlp", h, c["intermediate_size"])
            continue
        yield from linear(f"{at}.mlp.gate", c["n_routed_experts"], h)
        yield from feed_forward(f"{at}.mlp.shared_experts", h, c["n_shared_experts"] * c["moe_intermediate_size"])
        for expert in range(c["n_routed_experts"]):
            yield from feed_forward(f"{at}.mlp.experts.{expert}", h, c["moe_intermediate_size"])


def feed_forward(at, hidden, width, make=linear):
    yield from make(f"{at}.gate_proj", width, hidden)
    yield from make(f"{at}.up_proj", width, hidden)
    yield from make(f"{at}.down_proj", hidden, width)


def gpt_oss(c):
    """MXFP4 experts in one tensor: blocks of 32 numbers and a scale each, biases and the rest in 16 bit."""
    h, width, experts, dim = c["hidden_size"], c["intermediate_size"], c["num_local_experts"], c["head_dim"]
    query, kv = c["num_attention_heads"] * dim, c["num_key_value_heads"] * dim
    yield from ends(c)
    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        for name, rows, columns in (("q", query, h), ("k", kv, h), ("v", kv, h), ("o", h, query)):
            yield from linear(f"{at}.self_attn.{name}_proj", rows, columns, bias=True)
        yield tensor(f"{at}.self_attn.sinks", "BF16", c["num_attention_heads"])
        yield from norms(at, h)
        yield from linear(f"{at}.mlp.router", experts, h, bias=True)
        for name, rows, columns in (("gate_up_proj", 2 * width, h), ("down_proj", h, width)):
            yield tensor(f"{at}.mlp.experts.{name}_blocks", "U8", experts, rows, columns // 32, 16)
            yield tensor(f"{at}.mlp.experts.{name}_scales", "U8", experts, rows, columns // 32)
            yield tensor(f"{at}.mlp.experts.{name}_bias", "BF16", experts, rows)


def qwen3_fp8(c):
    """A dense Qwen3 in the FP8 of its makers: blocks of 128 x 128, norms, embedding and head in 16 bit."""
    h, dim = c["hidden_size"], c["head_dim"]
    query, kv = c["num_attention_heads"] * dim, c["num_key_value_heads"] * dim
    yield from ends(c)
    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        for name, rows, columns in (("q", query, h), ("k", kv, h), ("v", kv, h), ("o", h, query)):
            yield from fp8_linear(f"{at}.self_attn.{name}_proj", rows, columns)
        for name in ("q_norm", "k_norm"):
            yield tensor(f"{at}.self_attn.{name}.weight", "BF16", dim)
        yield from feed_forward(f"{at}.mlp", h, c["intermediate_size"], fp8_linear)
        yield from norms(at, h)
