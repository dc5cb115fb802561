"""How far other estimators are off on a row: their own kept answers, and for KAITO, no program, its formula."""

from observations import Observation
from other_tools import kept_answers

from cloudgpu.base.units import GIB
from cloudgpu.sizing.cases import _model, choose_gpu
from cloudgpu.sizing.number_formats import canonical_quantization, checkpoint_bytes

TOOLS = {"hf-mem": "hf-mem 0.5.6", "accelerate": "accelerate 1.15.0", "aiconfigurator": "aiconfigurator-core 0.12.0",
         "KAITO": "KAITO (its formula)"}  # fmt: skip
ANSWERS = kept_answers()


def tool_error(tool: str, figure: str, row: Observation) -> float | None:
    """The tool's error on a row, estimate over log, less one; None where it gives no such figure."""
    found = _by_kaito(figure, row) if tool == "KAITO" else ANSWERS.get((tool, row.id), {}).get(figure)
    return None if found is None else found / row.seen[figure] - 1


def tokens_right(tool: str, row: Observation) -> bool | None:
    """Whether the tool's bytes a token are those of the log, within 1 %; None where either says nothing."""
    answer = ANSWERS.get((tool, row.id), {}).get("kv_bytes_per_token")
    if answer is None or not row.seen.get("kv_cache_tokens") or not row.seen.get("kv_cache_gib"):
        return None
    logged = row.seen["kv_cache_gib"] * GIB / row.seen["kv_cache_tokens"] * row.case.get("tensor_parallel", 1)
    width = 0.5 if row.case.get("kv_cache_dtype", "auto").startswith("fp8") else 1.0
    return abs(answer * width / logged - 1) <= 0.01


def refusals(tool: str) -> dict[str, int]:
    """What the tool says where it cannot answer, and on how many rows."""
    found: dict[str, int] = {}
    for (name, _), answer in ANSWERS.items():
        if name == tool and "error" in answer:
            reason = answer["error"].split(" (")[0].split(". ")[0][:110]
            found[reason] = found.get(reason, 0) + 1
    return found


def _by_kaito(figure: str, row: Observation) -> float | None:
    """Weights × 1.02; cache: 0.84 of the marketed memory less the logged weights × 1.07 and 2.3 GiB."""
    model, ranks = _model(row.case), row.case.get("tensor_parallel", 1)
    quantization = canonical_quantization(row.case.get("quantization")) or model.quantization
    if figure == "weights_gib":
        return checkpoint_bytes(model.architecture.parameters, quantization, model.dtype) * 1.02 / GIB / ranks
    if "weights_gib" not in row.seen:
        return None
    gpu = choose_gpu(row.case.get("gpu"), row.case.get("gpu_total_gib"))
    return 0.84 * round(gpu.memory_mib / 1024) - 1.07 * row.seen["weights_gib"] - 2.3
