"""A GGUF file of a Llama so small that any machine runs it: random weights, a vocabulary of bytes."""

from pathlib import Path

import numpy

LAYERS, HIDDEN, WIDTH, HEADS, KV_HEADS, CONTEXT = 2, 256, 512, 4, 2, 32768
_TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


def write_tiny_gguf(path: Path) -> None:
    """Writes the file. Heads of 64 numbers, so that a cache of 8 bits divides them. Needs the package `gguf`."""
    import gguf  # here alone: few tests need it

    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL, *[gguf.TokenType.BYTE] * 256]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(_TEMPLATE)
    for name, shape in _tensors(len(tokens)):
        writer.add_tensor(name, _numbers(name, shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(vocabulary: int):
    kv = HIDDEN * KV_HEADS // HEADS
    yield "token_embd.weight", (vocabulary, HIDDEN)
    yield "output_norm.weight", (HIDDEN,)
    yield "output.weight", (vocabulary, HIDDEN)
    for layer in range(LAYERS):
        for name, shape in (
            ("attn_norm", (HIDDEN,)), ("attn_q", (HIDDEN, HIDDEN)), ("attn_k", (kv, HIDDEN)), ("attn_v", (kv, HIDDEN)),
            ("attn_output", (HIDDEN, HIDDEN)), ("ffn_norm", (HIDDEN,)), ("ffn_gate", (WIDTH, HIDDEN)),
            ("ffn_up", (WIDTH, HIDDEN)), ("ffn_down", (HIDDEN, WIDTH)),
        ):  # fmt: skip
            yield f"blk.{layer}.{name}.weight", shape


def _numbers(name: str, shape: tuple[int, ...]) -> numpy.ndarray:
    if "norm" in name:
        return numpy.ones(shape, numpy.float32)
    return numpy.random.default_rng(len(name)).normal(0, 0.02, shape).astype(numpy.float32)
