"""Runs where aiconfigurator-core is installed: its own `estimate_kv_cache` on a local folder with a config.json.

stdin: a list of rows (id, folder, system, version, tokens, sequences, share, total_bytes, tensor_parallel,
kvcache_quant_mode); stdout: a line of JSON a row.
"""

import json
import logging
import sys
from importlib.metadata import version

from aiconfigurator_core.sdk.memory import estimate_kv_cache

BACKEND_VERSION = "0.24.0"
"""The release its command line takes by default."""


def answered(row: dict) -> dict:
    """Weights and cache of one GPU in bytes, or the tool's own words."""
    answer: dict = {"id": row["id"], "version": version("aiconfigurator-core")}
    try:
        found = estimate_kv_cache(
            row["folder"],
            row["system"],
            "vllm",
            BACKEND_VERSION,
            max_num_tokens=row["tokens"],
            max_batch_size=row["sequences"],
            memory_fraction_kind="of_total",
            memory_fraction_value=row["share"],
            tp_size=row["tensor_parallel"],
            moe_tp_size=row["tensor_parallel"],
            moe_ep_size=1,
            kvcache_quant_mode=row["kvcache_quant_mode"],
            gpu_memory_capacity_bytes_override=row["total_bytes"],
        )
        answer |= {"kv_bytes": found["total_kv_size_bytes"], "parts": found["memory_breakdown"]}
    except Exception as error:  # whatever a tool says is its answer
        answer["error"] = f"{type(error).__name__}: {error}"[:400]
    return answer


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    for each in json.load(sys.stdin):
        print(json.dumps(answered(each)), flush=True)
