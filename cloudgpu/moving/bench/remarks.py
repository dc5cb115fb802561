"""What a reader of a run's figures should know: what could not be measured, and why. Pure."""

from collections.abc import Sequence
from statistics import median

from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.sample import Sample

_BUFFERED = 0.9
_LONG_S = 0.5
_PIECES = 8
_ADVICE = " --count-pieces takes each piece for one."


def remarks(run: Run, *, counted_pieces: bool = False) -> list[str]:
    """Sentences, the most important first; none for a run that says everything."""
    good = [sample for sample in run.samples if sample.trouble is None]
    found = (
        [run.ended[:1].upper() + run.ended[1:] + ": what follows is what was measured until then."] if run.ended else []
    )
    found += [f"{count} requests failed: {words}." for words, count in _failures(run.samples)]
    if good and all(sample.ttft_s is None for sample in good):
        found.append("The endpoint never streams: only whole answers could be timed (E2EL), no TTFT, TPOT or ITL.")
    elif _is_buffered(good):
        found.append("Its streams arrive in one lump at the end: something in between, like a proxy, holds them back.")
    if good and any(sample.output_tokens is None for sample in good):
        advice = "" if counted_pieces or not any(sample.pieces for sample in good) else _ADVICE
        found.append(f"The server counts no tokens: no TPOT and no tokens/s.{advice}")
    elif counted_pieces and good:
        found.append("Where the server counts no tokens, each piece of a stream was taken for one.")
    if any(sample.reasoning for sample in good):
        found.append("The model thinks before it answers: TTFT ends with its first thought, “first answer” after it.")
    return found


def _failures(samples: Sequence[Sample]) -> list[tuple[str, int]]:
    words = [f"{each.trouble.value.replace('_', ' ')} ({each.detail})" for each in samples if each.trouble]
    return sorted(((each, words.count(each)) for each in set(words)), key=lambda pair: -pair[1])[:3]


def _is_buffered(samples: Sequence[Sample]) -> bool:
    waits = [
        each.ttft_s / each.e2el_s
        for each in samples
        if each.ttft_s and each.e2el_s > _LONG_S and each.pieces >= _PIECES
    ]
    return len(waits) >= 3 and median(waits) > _BUFFERED
