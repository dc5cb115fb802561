"""Stretched positions: what a config's rope scaling adds to the model's context and to the engine's rope cache."""

from dataclasses import dataclass

from cloudgpu.sizing.architecture.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Rope:
    """`linear_factor` lengthens the cache as it is (Gemma 3: 8), `yarn_factor` the context as well; 1 is neither.

    `original` are the positions that YaRN starts from, None when the config does not say. The latent attention of
    DeepSeek writes its stretched length into the config itself, so that nothing is left to stretch.
    """

    linear_factor: float = 1.0
    yarn_factor: float = 1.0
    original: int | None = None

    def max_context(self, positions: int) -> int:
        """The model's longest context. Source: vLLM derives it for YaRN as original positions times the factor."""
        if self.yarn_factor <= 1:
            return positions
        return max(positions, int((self.original or positions) * self.yarn_factor))


def rope_of(config: Config, *, has_latent: bool) -> Rope:
    """The rope scaling of a config, under its old and its new name. Raises BadFileError for an absurd figure."""
    scaling = config.part("rope_scaling") or config.part("rope_parameters")
    if scaling is None or has_latent:
        return Rope()
    kind = scaling.text("rope_type") or scaling.text("type") or "default"
    factor = max(scaling.number_or(1.0, "factor"), 1.0)
    if kind == "linear":
        return Rope(linear_factor=factor)
    if kind == "yarn":
        original = scaling.count_or(0, "original_max_position_embeddings") or None
        return Rope(yarn_factor=factor, original=original)
    return Rope()


def theta_of(config: Config) -> int | None:
    """The rope base of a config, where it stands by itself or, since Transformers 5, among the rope's parameters."""
    parameters = config.part("rope_parameters") or Config({})
    found = config.number_or(parameters.number_or(0.0, "rope_theta"), "rope_theta")
    return int(found) if 1 <= found < float("inf") else None
