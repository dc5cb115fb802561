"""The answer: how long a prompt takes, how long a token takes, how many tokens a second come out."""

from collections.abc import Mapping
from dataclasses import dataclass

SHOWN_DECIMALS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedEstimate:
    """Speed of the whole group of GPUs that serves the model together. Field names are the JSON contract.

    `prefill_ms` is one prompt alone, without waiting for others: no promise of a time to first token. `tpot_ms` is the
    time per output token of a request as `vllm bench serve` defines it, (last token - first token) over the tokens
    after the first, in a closed loop of `concurrency` requests; the prompts of the others are in it.
    `output_tokens_per_s` is of all requests together. `error_band_percent` is what four of five measured rows stay
    within. `running` is how many of the requests run at once, on the average, where the KV cache holds fewer than
    `concurrency`.
    """

    concurrency: int
    prompt_tokens: int
    output_tokens: int
    prefill_ms: float
    tpot_ms: float
    output_tokens_per_s: float
    error_band_percent: int
    running: float

    @property
    def waits(self) -> bool:
        """Whether requests wait for room in the KV cache."""
        return self.running < self.concurrency

    def as_json(self) -> Mapping[str, object]:
        """The figures under the names of the JSON contract, to two decimals."""
        return {name: _shown(getattr(self, name)) for name in self.__dataclass_fields__}


def _shown(value: object) -> object:
    return round(value, SHOWN_DECIMALS) if isinstance(value, float) else value
