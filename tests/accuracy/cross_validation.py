"""The fitted constants without one model family, and what they then make of that family."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from unittest.mock import patch

from observations import Observation

from cloudgpu.base.units import GIB
from cloudgpu.sizing.cases import _model, estimate_case
from cloudgpu.sizing.engines import vllm
from cloudgpu.sizing.memory import overhead

LAB_TOKENS = 16384


def left_out_errors(rows: Sequence[Observation]) -> Mapping[str, list[float]]:
    """Errors of the KV cache by family, every constant fitted on the other families alone."""
    found = {}
    for family in sorted({row.family for row in rows}):
        others = [row for row in rows if row.family != family]
        with _constants(others):
            mine = [row for row in rows if row.family == family]
            found[family] = [estimate_case(row.case).kv_cache_gib / row.seen["kv_cache_gib"] - 1 for row in mine]
    return found


@contextmanager
def _constants(rows: Sequence[Observation]) -> Iterator[None]:
    hidden, feed_forward = _forward_rows(rows)
    alone = [row.seen["non_torch_gib"] for row in rows if "non_torch_gib" in row.seen and _gpus(row) == 1]
    outside = {**overhead.NON_TORCH_GIB, 1: median(alone)} if alone else overhead.NON_TORCH_GIB
    with ExitStack() as stack:
        stack.enter_context(patch.object(overhead, "HIDDEN_ROWS", hidden))
        stack.enter_context(patch.object(overhead, "FEED_FORWARD_ROWS", feed_forward))
        stack.enter_context(patch.object(overhead, "NON_TORCH_GIB", outside))
        stack.enter_context(patch.object(vllm, "NATIVE_SAMPLER_BYTES_PER_LOGIT", _bytes_per_logit(rows)))
        yield


def _forward_rows(rows: Sequence[Observation]) -> tuple[float, float]:
    """Least squares of two unknowns over the starts whose peak is the forward pass of a dense model."""
    points = [_point(row) for row in rows if row.case.get("max_num_batched_tokens") == LAB_TOKENS and _is_dense(row)]
    hh = sum(h * h for h, _, _ in points)
    hf = sum(h * f for h, f, _ in points)
    ff = sum(f * f for _, f, _ in points)
    hy = sum(h * y for h, _, y in points)
    fy = sum(f * y for _, f, y in points)
    determinant = hh * ff - hf * hf
    if len(points) < 2 or determinant == 0:
        return overhead.HIDDEN_ROWS, overhead.FEED_FORWARD_ROWS
    return (hy * ff - fy * hf) / determinant, (fy * hh - hy * hf) / determinant


def _point(row: Observation) -> tuple[float, float, float]:
    architecture = _model(row.case).architecture
    width = architecture.intermediate_size / row.case.get("tensor_parallel", 1)
    return architecture.hidden_size, width, row.seen["activation_peak_gib"] * GIB / LAB_TOKENS / 2


def _is_dense(row: Observation) -> bool:
    packed = row.quantization.startswith("fp8")
    return "activation_peak_gib" in row.seen and not _model(row.case).architecture.expert_count and not packed


def _bytes_per_logit(rows: Sequence[Observation]) -> float:
    """Of starts with 2,048 tokens, where sampling 256 rows is the peak."""
    seen = [
        row.seen["activation_peak_gib"] * GIB / 256 / _model(row.case).architecture.vocab_size
        for row in rows
        if row.seen.get("activation_peak_gib", 0) > 0.9 and estimate_case(row.case).activation_peak_gib < 1.2
    ]
    return median(seen) if seen else vllm.NATIVE_SAMPLER_BYTES_PER_LOGIT


def _gpus(row: Observation) -> int:
    return row.case.get("tensor_parallel", 1) * row.case.get("pipeline_parallel", 1)
