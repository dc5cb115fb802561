"""How fast an engine answers: when each token of an answer is due. Never drifts: every token has a time of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

_PREFILL_SHARE = 40
_STEP_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds until the first token, with what each token of the prompt adds, and from one token to the next.

    `real_s_per_s` is how many real seconds one of these takes (0: no waiting at all).
    """

    first_s: float
    prompt_token_s: float
    token_s: float
    real_s_per_s: float = 1.0

    def due_s(self, prompt_tokens: int, index: int) -> float:
        """When token `index` (from 0) of an answer is due, in seconds since the request."""
        return self.first_s + prompt_tokens * self.prompt_token_s + index * self.token_s


def pace_of_card(decode_tokens_per_s: float, real_s_per_s: float) -> Pace:
    """What a card that decodes so fast would do."""
    token_s = 1 / decode_tokens_per_s
    return Pace(
        first_s=_STEP_S + token_s, prompt_token_s=token_s / _PREFILL_SHARE, token_s=token_s, real_s_per_s=real_s_per_s
    )


def known_pace(ttft_s: float, tokens_per_s: float) -> Pace:
    """The first token after exactly so many real seconds, the others so many a second: to check a bench with."""
    return Pace(first_s=ttft_s, prompt_token_s=0.0, token_s=1 / tokens_per_s)


async def in_time(pieces: Sequence[str], pace: Pace, prompt_tokens: int) -> AsyncIterator[str]:
    """Each piece when it is due; a late one does not make the next late."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for index, piece in enumerate(pieces):
        wait_s = began_s + pace.due_s(prompt_tokens, index) * pace.real_s_per_s - loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        yield piece
