"""Which part of a model a tensor belongs to, by its name, in the spellings of transformers, Mistral and llama.cpp."""

import re

UNUSED = "unused"
FUSED_QKV = "fused_qkv"

_UNUSED = re.compile(r"rotary_emb\.inv_freq$|\.position_ids$|\.masked_bias$|\.attn\.(bias|attn_mask)$|^rope_freqs\b")
_ENCODER_UNUSED = re.compile(r"^(cls\.(predictions|seq_relationship)|lm_head|vocab_\w+)\b")
_MTP = re.compile(r"(^|\.)(mtp|mtp_layers|nextn|nextn_predict)\b")
_VISION = re.compile(
    r"^(model\.)?(visual|vision_\w+|vit|multi_modal_projector|mm_projector|multi_modal_\w+|patch_merger|mlp1|merger|"
    r"pre_mm_projector_norm|image_newline|img_projector|audio_\w+|embed_vision|embed_audio)\b|^(v|mm)\."
)
_EMBEDDING = re.compile(
    r"(^|\.)(embed_tokens\w*|tok_embeddings|word_embeddings|position_embeddings|token_type_embeddings|wte|wpe|embed_in|"
    r"token_embd|position_embd|token_types|embeddings\.tok_embeddings)\b"
)
_HEAD = re.compile(r"^(model\.|language_model\.|thinker\.)*(lm_head|output|embed_out|head)\b")
_EXPERTS = re.compile(r"\.experts\b|_exps\b")
_SMALL = re.compile(
    r"norm\w*\b|(^|\.)ln_\w+|\.(router|gate_inp|ffn_gate_inp|ffn_gate_inp_shexp|shared_expert_gate)\b|"
    r"\.(mlp|block_sparse_moe|feed_forward|moe)\.gate\b|conv1d\b|A_log\b|dt_bias\b|sinks\b|e_score_correction_bias\b|"
    r"\.(in_proj_a|in_proj_b|in_proj_ba|ssm_a|ssm_ba|ssm_alpha|ssm_beta)\b"
)
_LATENT = re.compile(r"\.(kv_a_proj_with_mqa|q_a_proj|fused_qkv_a_proj\w*|attn_kv_a_mqa|attn_q_a)\b")
_FUSED = re.compile(r"\.(qkv_proj|query_key_value|Wqkv|wqkv|attn_qkv|c_attn|qkv)\b")
_KV = re.compile(r"\.(k_proj|v_proj|wk|wv|attn_k|attn_v)\b")
_LAYER = re.compile(r"(?:^|\.)(?:layers|layer|h|blk|blocks)\.(\d+)\.")
_PLAIN_VECTOR = re.compile(r"\.(weight|bias)$")


def part_of(name: str, dimensions: int, layers: int, *, is_encoder: bool = False) -> str:
    """The part's name in `StoredWeights`, or FUSED_QKV (keys, values and queries in one), or UNUSED.

    `layers` is how many the config counts: a layer beyond is one for speculation. Scales and zero points go with their
    matrix; vectors and routers are small.
    """
    if _UNUSED.search(name) or (is_encoder and _ENCODER_UNUSED.search(name)):
        return UNUSED
    if _VISION.search(name):
        return "vision"
    if _MTP.search(name) or layer_of(name) >= layers:
        return "mtp"
    if _HEAD.search(name):
        return "head"
    if _EMBEDDING.search(name):
        return "embedding"
    return _part_in_layer(name, dimensions)


def layer_of(name: str) -> int:
    """The number of the layer that a tensor belongs to, -1 outside of layers."""
    found = _LAYER.search(name)
    return int(found[1]) if found else -1


def _part_in_layer(name: str, dimensions: int) -> str:
    if _SMALL.search(name) or (dimensions <= 1 and _PLAIN_VECTOR.search(name) and not _EXPERTS.search(name)):
        return "small"
    for pattern, part in _MATRICES:
        if pattern.search(name):
            return part
    return "linear"


_MATRICES = (
    (_EXPERTS, "experts"),
    (_LATENT, "replicated_linear"),
    (_FUSED, FUSED_QKV),
    (_KV, "kv_linear"),
)
