"""What would make a refused estimate start: more cards of the kind, or a lighter format."""

from collections.abc import Iterator, Mapping
from typing import Any

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.cases import estimate_case

_CARDS, _FORMATS = (2, 4, 8), ("fp8", "awq")


def fixes_for(case: Mapping[str, Any]) -> tuple[str, ...]:
    """Options of the command line, any of which makes the case start: the fewest cards, and each lighter format.

    Empty when none does. Each is estimated like the case itself, so that none is a guess.
    """
    cards = next((text for text, tried in _more_cards(case) if _starts(tried)), None)
    formats = (text for text, tried in _lighter(case) if _starts(tried))
    return (*([cards] if cards else []), *formats)


def _more_cards(case: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    had = (case.get("tensor_parallel") or 1) * (case.get("pipeline_parallel") or 1)
    least = max(case.get("gpus") or 1, had)
    split = {"tensor_parallel": None, "pipeline_parallel": None}
    for count in _CARDS:
        if count > least:
            yield f"--gpus {count}", {**case, **split, "gpus": count}


def _lighter(case: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if case.get("quantization"):
        return
    for name in _FORMATS:
        yield f"--quantization {name}", {**case, "quantization": name}


def _starts(case: Mapping[str, Any]) -> bool:
    try:
        return estimate_case(case).starts
    except UsageError:
        return False
