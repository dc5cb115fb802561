"""What the requests are like: how many at once, how long the prompts and the answers."""

from dataclasses import dataclass

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.options import LARGEST_COUNT

DEFAULT_PROMPT_TOKENS = 1024
DEFAULT_OUTPUT_TOKENS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Requests as a closed loop sends them: `concurrency` at once, all of the same length, a new one for each that
    ends.

    Raises UsageError for counts that are no whole numbers above 0.
    """

    concurrency: int
    prompt_tokens: int
    output_tokens: int

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            _check_count(name, getattr(self, name))

    @property
    def tokens(self) -> int:
        """Tokens of one request when it ends."""
        return self.prompt_tokens + self.output_tokens

    @property
    def mean_tokens(self) -> float:
        """Tokens that a request has in the cache on the average over its decoding."""
        return self.prompt_tokens + self.output_tokens / 2


def workload_for(
    concurrency: int | None, prompt_tokens: int | None, output_tokens: int | None, limit: int, *, limit_is_given: bool
) -> Workload:
    """The workload asked for; what is None is 1 request, 1,024 tokens in and 256 out, less where `limit` is smaller.

    `limit` is the context in tokens. Raises UsageError when the asked lengths do not fit into a context that was given,
    or that the model has.
    """
    prompt = prompt_tokens or max(min(DEFAULT_PROMPT_TOKENS, (limit - (output_tokens or 0)) * 4 // 5), 1)
    output = output_tokens or max(min(DEFAULT_OUTPUT_TOKENS, limit - prompt), 1)
    found = Workload(concurrency=concurrency or 1, prompt_tokens=prompt, output_tokens=output)
    if found.tokens > limit and (prompt_tokens or output_tokens):
        whose = "the context asked for" if limit_is_given else "the model's context"
        raise UsageError(
            f"a prompt of {prompt} tokens and {output} tokens of answer do not fit {whose} of {limit}",
            hint="ask for shorter requests" + (f", or for a context of {found.tokens}" if limit_is_given else ""),
        )
    return found


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_COUNT:
        raise UsageError(f"{name} must be a whole number from 1 to {LARGEST_COUNT}, not {value}")
