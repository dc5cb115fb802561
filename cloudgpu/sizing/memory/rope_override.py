"""vLLM's `--hf-overrides` that stretches positions by YaRN, in the form that a release reads.

Sources: config validation of 0.11.0 and 0.33.0 run; from 0.24 on transformers 5 keeps `rope_parameters`, theta among
them, where `rope_scaling` stood beside it; from 0.30 on YaRN alone no longer lengthens the context. A multimodal config
ignores what stands at its top level: its text model's own part is read.
"""

import json

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.memory.stretch import YARN_ORIGINAL, rope_theta
from cloudgpu.sizing.models import ModelSpec

_PARAMETERS, _LENGTH = (0, 24), (0, 30)
_VISION = (0, 12)


def rope_override(model: ModelSpec, factor: float, release: tuple[int, int]) -> str | None:
    """The JSON; None when nothing is stretched, or the model's config does it already.

    Raises UsageError for a release that cannot stretch a multimodal model.
    """
    if factor <= 1 or model.architecture.yarn_factor > 1:
        return None
    original = YARN_ORIGINAL.get(model.family, model.max_context)
    yarn = {"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original}
    theta = rope_theta(model.architecture)
    body: dict[str, object] = {"rope_scaling": yarn}
    if release >= _PARAMETERS:
        body = {"rope_parameters": {**yarn, **({"rope_theta": theta} if theta else {})}}
    if release >= _LENGTH:
        body["max_position_embeddings"] = int(original * factor)
    return json.dumps({"text_config": body} if _is_nested(model, release) else body)


def _is_nested(model: ModelSpec, release: tuple[int, int]) -> bool:
    if model.architecture.has_vision and release < _VISION:
        raise UsageError(
            "vLLM 0.11 cannot stretch the positions of a multimodal model", hint="use a later release: --engine-version"
        )
    return model.architecture.has_vision
