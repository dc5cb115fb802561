"""Encoders of the BERT family: they embed and classify, and keep nothing of a sequence."""

from cloudgpu.sizing.architecture.config import Config
from cloudgpu.sizing.shape import Architecture, ParameterGroups

FAMILIES = frozenset({"bert", "roberta", "xlm-roberta", "camembert", "distilbert"})


def read_encoder(family: str, config: Config) -> Architecture:
    """The architecture of an encoder. Raises BadFileError when a needed field is missing."""
    hidden, width = config.count("hidden_size"), config.count("intermediate_size")
    layers, heads = config.count("num_hidden_layers"), config.count("num_attention_heads")
    vocab, positions = config.count("vocab_size"), config.count("max_position_embeddings")
    tables = (vocab + positions + config.count_or(1, "type_vocab_size")) * hidden
    body = layers * (4 * hidden * hidden + 2 * hidden * width)
    small = 2 * hidden + layers * (4 * hidden + width + hidden + 4 * hidden) + _top(config, hidden)
    return Architecture(
        family=family,
        layers=layers,
        hidden_size=hidden,
        intermediate_size=width,
        attention_heads=heads,
        kv_heads=heads,
        head_dim=max(hidden // heads, 1),
        vocab_size=vocab,
        max_context=positions - 2 if positions % 2 == 0 and family != "bert" else positions,
        rotary_elements=0,
        expert_count=0,
        experts_per_token=0,
        expert_intermediate_size=0,
        shared_intermediate_size=0,
        vision_peak_elements=0,
        is_encoder=True,
        has_vision=False,
        is_exact=True,
        parameters=ParameterGroups(
            linear=body, kv_linear=0, replicated_linear=0, experts=0, embedding=tables, head=0, small=small
        ),
        layer_groups=(),
    )


def _top(config: Config, hidden: int) -> int:
    """Pooler and classifier, by the architecture the config names."""
    names = " ".join(config.texts("architectures"))
    labels = config.raw.get("id2label")
    count = len(labels) if isinstance(labels, dict) else config.count_or(2, "num_labels")
    if "TokenClassification" in names:
        return hidden * count + count
    pooler = hidden * hidden + hidden
    return pooler + hidden * count + count if "SequenceClassification" in names else pooler
