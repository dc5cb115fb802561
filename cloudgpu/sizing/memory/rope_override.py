"""The override of a model's config that stretches positions by YaRN, in the form that a release reads.

vLLM calls it `--hf-overrides`, SGLang `--json-model-override-args`. Sources: vLLM's config validation run in releases
from 0.11.0 to 0.33.0, the source of 0.11.2 read. From 0.12 on models read `rope_parameters`, theta among them; what an
override says of `rope_scaling` is set after these were made of it, so that nobody reads it, until transformers 5 made
the two names one (0.18.1 refuses that release; 0.20.2 is installed with it). From 0.30 on YaRN alone no longer
lengthens the context. A multimodal config ignores what stands at its top level: its text model's own part is read.
SGLang (the config reader of 0.5.23 run) takes the length from beside `rope_scaling` alone.
"""

import json
from collections.abc import Mapping

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.engines import EngineProfile, sglang
from cloudgpu.sizing.memory.stretch import YARN_ORIGINAL, rope_theta
from cloudgpu.sizing.model import ModelSpec

PARAMETERS_SINCE, EITHER_SINCE, LENGTH_SINCE = (0, 12), (0, 19), (0, 30)
"""The releases from which `rope_parameters` are read, theta among them; from which `rope_scaling` may be another name
for them; and from which the length stands beside."""

_VISION = (0, 12)


def rope_override(model: ModelSpec, factor: float, profile: EngineProfile) -> str | None:
    """The JSON; None when nothing is stretched, or the model's config does it already.

    Raises UsageError for a release that cannot stretch a multimodal model.
    """
    if factor <= 1 or model.architecture.yarn_factor > 1:
        return None
    original = YARN_ORIGINAL.get(model.family, model.max_context)
    yarn = {"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original}
    theta, positions = rope_theta(model.architecture), int(original * factor)
    if profile.name == sglang.NAME:
        ours = {"rope_scaling": {**yarn, **_theta(yarn, theta)}, "max_position_embeddings": positions}
        return json.dumps({"text_config": ours} if model.architecture.has_vision else ours)
    body = override_body(yarn, theta, positions, profile.release)
    return json.dumps({"text_config": body} if _is_nested(model, profile.release) else body)


def names_read(release: tuple[int, ...]) -> tuple[str, ...]:
    """The names under which the release reads RoPE parameters in an override, the first one first."""
    if release < PARAMETERS_SINCE:
        return ("rope_scaling",)
    return ("rope_parameters",) if release < EITHER_SINCE else ("rope_parameters", "rope_scaling")


def override_body(
    rope: Mapping[str, object], theta: int | None, positions: int | None, release: tuple[int, ...]
) -> dict[str, object]:
    """RoPE parameters under the names that the release reads; `theta` and `positions` None are left out.

    A theta that stands in `rope` already is kept. Where it belongs (the top level, or `text_config` of a multimodal
    config) is the caller's to say.
    """
    if release < PARAMETERS_SINCE:
        return {"rope_scaling": dict(rope)}
    body: dict[str, object] = {"rope_parameters": {**rope, **_theta(rope, theta)}}
    return {**body, "max_position_embeddings": positions} if positions and release >= LENGTH_SINCE else body


def _theta(rope: Mapping[str, object], theta: int | None) -> dict[str, object]:
    return {"rope_theta": theta} if theta and "rope_theta" not in rope else {}


def _is_nested(model: ModelSpec, release: tuple[int, int]) -> bool:
    if model.architecture.has_vision and release < _VISION:
        raise UsageError(
            "vLLM 0.11 cannot stretch the positions of a multimodal model", hint="use a later release: --engine-version"
        )
    return model.architecture.has_vision
