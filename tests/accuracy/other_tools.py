"""What other estimators themselves answer for the same rows: run it to ask them all, `--write` to keep the answers.

    python tests/accuracy/other_tools.py [--write]

Each tool lives in an environment of its own, made once under CLOUDGPU_TEST_CACHE (default ~/.cache/cloudgpu-tests; uv
needs a registry, accelerate needs torch, about 6 GB); asking them needs no network and no card. They get what they read
on the Hub from one on this machine: the configs of tests/accuracy/configs.jsonl and safetensors files with genuine
headers and no numbers, their tensors named and shaped as transformers builds each model.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from math import ceil, prod
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "sizing")]

from loopback_hub import start_hub
from made_up_checkpoints import write_safetensors
from observations import Observation, observations

from cloudgpu.base.units import GIB
from cloudgpu.sizing.cases import choose_gpu
from cloudgpu.sizing.options import ServingOptions
from tests.emulator.clients import installed

CONFIGS, ANSWERS = HERE / "configs.jsonl", HERE / "other_tools.jsonl"
PACKAGES = {
    "hf-mem": ["hf-mem==0.5.6"],
    "accelerate": ["accelerate==1.15.0", "transformers==5.23.0", "torch", "torchvision", "pillow"],
    "aiconfigurator": ["aiconfigurator-core==0.12.0"],
}
ACCELERATE_WIDTHS = {None: 2.0, "fp8": 1.0, "fp8-channel": 1.0, "awq": 0.5, "gptq": 0.5, "mxfp4": 0.5}
"""Bytes a parameter of its rows float16, int8 and int4, which are its 32 bit divided."""
CONTEXT = 8192
LAYOUTS = {"awq": (("I32", 8), ("F16", 128), ("I32", 1024)), "gptq": (("I32", 8), ("F16", 128), ("I32", 1024)),
           "fp8": (("F8_E4M3", 1), ("F32", 16384)), "fp8-channel": (("F8_E4M3", 1),),
           "mxfp4": (("U8", 2), ("U8", 32))}  # fmt: skip
"""What stands for a quantised matrix in a file: number formats, and how many weights one number stands for."""
METHODS = {
    "awq": {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"},
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": True},
    "fp8": {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": [128, 128]},
    "fp8-channel": {"quant_method": "fp8", "activation_scheme": "dynamic"},
    "mxfp4": {"quant_method": "mxfp4"},
}


def askable(rows: Sequence[Observation]) -> dict[str, tuple[Observation, str, str | None]]:
    """Row id to (row, its repository on our hub, format): rows whose config and file layout are carried here."""
    known = {json.loads(line)["model"] for line in CONFIGS.read_text().splitlines()}
    found = {}
    for row in rows:
        quantization = row.quantization if row.quantization in METHODS else None
        if row.left_out or row.case.get("model") not in known or (quantization is None and not _is_plain(row)):
            continue
        name = "".join(each if each.isalnum() or each == "." else "_" for each in row.case["model"])
        found[row.id] = (row, f"tools/{name}" + (f"_{quantization}" if quantization else ""), quantization)
    return found


def ask_all(rows: Sequence[Observation], tools: Sequence[str] = tuple(PACKAGES)) -> Iterator[dict]:
    """Every tool's answer for every row, as kept in other_tools.jsonl. Starts a hub on loopback and other programs."""
    chosen = askable(rows)
    configs = {json.loads(line)["model"]: json.loads(line)["config"] for line in CONFIGS.read_text().splitlines()}
    with tempfile.TemporaryDirectory() as work:
        hub, stop = start_hub()
        try:
            folders = _config_folders(Path(work), chosen, configs)
            hub.repos.update(folders)
            if "aiconfigurator" in tools:
                yield from _ask_aiconfigurator(chosen, folders)
            if "accelerate" in tools or "hf-mem" in tools:
                yield from _ask_by_hub(chosen, folders, hub.url)
        finally:
            stop()


def kept_answers() -> dict[tuple[str, str], dict]:
    """(tool, row id) to the answer that was kept."""
    lines = ANSWERS.read_text(encoding="utf-8").splitlines()
    return {(row["tool"], row["id"]): row for row in map(json.loads, lines)}


def run_in(tool: str, script: str, asked: object, **environment: str) -> list[dict]:
    """Lines of JSON that a script of ours prints in the tool's own environment."""
    programs = installed(PACKAGES[tool][0].replace("==", "-"), *PACKAGES[tool])
    done = subprocess.run(
        [str(programs / "python"), str(HERE / "tools" / script)],
        input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=1800,
        env={**os.environ, "HF_HUB_DISABLE_TELEMETRY": "1", **environment},
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def _is_plain(row: Observation) -> bool:
    return row.quantization in {"bfloat16", "float16"}


def _config_folders(work: Path, chosen: Mapping, configs: Mapping[str, dict]) -> dict[str, Path]:
    folders = {}
    for row, repo, quantization in chosen.values():
        folder = work / repo
        folder.mkdir(parents=True, exist_ok=True)
        config = dict(configs[row.case["model"]])
        config.pop("quantization_config", None)
        if quantization:
            config["quantization_config"] = METHODS[quantization]
        (folder / "config.json").write_text(json.dumps(config))
        folders[repo] = folder
    return folders


def _ask_by_hub(chosen: Mapping, folders: Mapping[str, Path], hub: str) -> Iterator[dict]:
    """accelerate reads configs; the tensors that it lists on the way make the files that hf-mem reads."""
    repos = {repo: quantization for _, repo, quantization in chosen.values()}
    asked = {repo: json.loads((folders[repo] / "config.json").read_text()) for repo in repos}
    by_accelerate = run_in("accelerate", "in_accelerate.py", {"models": asked}, HF_ENDPOINT=hub)
    for answer in by_accelerate:
        if "tensors" in answer:
            stored = _stored(answer.pop("tensors"), repos[answer["model"]])
            write_safetensors(folders[answer["model"]] / "model.safetensors", stored)
    with_files = [repo for repo in repos if (folders[repo] / "model.safetensors").exists()]
    by_hf_mem = run_in("hf-mem", "in_hf_mem.py", {"hub": hub, "models": with_files, "tokens": CONTEXT})
    for tool, answers in (("accelerate", by_accelerate), ("hf-mem", by_hf_mem)):
        found = {answer["model"]: answer for answer in answers}
        for name, (row, repo, quantization) in chosen.items():
            yield {"tool": tool, "id": name, **_figures(tool, found.get(repo, {}), row, quantization)}


def _figures(tool: str, answer: Mapping, row: Observation, quantization: str | None) -> dict:
    if "bytes" not in answer:
        return {"error": answer.get("bytes_error") or answer.get("tensors_error") or "no file to read"}
    share = ACCELERATE_WIDTHS[quantization] / 4 if tool == "accelerate" else 1.0
    ranks = row.case.get("tensor_parallel", 1) * row.case.get("pipeline_parallel", 1)
    figures = {"version": answer["version"], "weights_gib": round(answer["bytes"] * share / ranks / GIB, 4)}
    if answer.get("kv_bytes"):
        figures["kv_bytes_per_token"] = answer["kv_bytes"] / CONTEXT
    return figures | ({"kv_auto_error": answer["kv_auto_error"]} if "kv_auto_error" in answer else {})


def _ask_aiconfigurator(chosen: Mapping, folders: Mapping[str, Path]) -> Iterator[dict]:
    asked = [_question(name, row, folders[repo]) for name, (row, repo, _) in chosen.items() if row.engine == "vllm"]
    for answer in run_in("aiconfigurator", "in_aiconfigurator.py", asked):
        figures = {"tool": "aiconfigurator", "id": answer["id"], "version": answer["version"]}
        if "error" in answer:
            yield figures | {"error": answer["error"].partition("gpu_sku=h100_sxm: ")[2] or answer["error"]}
            continue
        weights_gib, cache_gib = answer["parts"]["weights_bytes"] / GIB, answer["kv_bytes"] / GIB
        yield figures | {"weights_gib": round(weights_gib, 4), "kv_cache_gib": round(cache_gib, 4)}


def _question(name: str, row: Observation, folder: Path) -> dict:
    """With the memory that was logged, which is kinder to the tool than the card's marketed size.

    The H100 stands for every card: of a card its memory model knows the capacity alone, and not every card with vLLM.
    """
    case = row.case
    gpu = choose_gpu(case.get("gpu"), case.get("gpu_total_gib"))
    share = case.get("gpu_memory_utilization") or ServingOptions(**_release(case)).profile().gpu_memory_utilization
    return {
        "id": name, "folder": str(folder), "system": "h100_sxm", "share": share,
        "tokens": case.get("max_num_batched_tokens") or (8192 if gpu.total_gib >= 70 else 2048),
        "sequences": case.get("max_num_seqs") or 256, "total_bytes": int(gpu.total_gib * GIB),
        "tensor_parallel": case.get("tensor_parallel", 1),
        "kvcache_quant_mode": "fp8" if case.get("kv_cache_dtype", "auto").startswith("fp8") else None,
    }  # fmt: skip


def _release(case: Mapping) -> dict[str, str]:
    return {"engine_version": case["engine_version"]} if case.get("engine_version") else {}


def _stored(tensors: Mapping[str, Sequence[int]], quantization: str | None) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The tensors of a file in that format: matrices of layers packed, with their scales and zero points."""
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, shape in tensors.items():
        if not (quantization and _is_packed(name, shape, quantization)):
            found[name] = ("BF16", tuple(shape))
            continue
        for number, (dtype, weights) in enumerate(LAYOUTS[quantization]):
            found[f"{name}.{number}"] = (dtype, (ceil(prod(shape) / weights),))
    return found


def _is_packed(name: str, shape: Sequence[int], quantization: str) -> bool:
    if len(shape) < 2 or "proj" not in name or "visual" in name:
        return False
    return "bias" not in name and ("experts" in name or quantization != "mxfp4")


if __name__ == "__main__":
    everything = list(ask_all(list(observations())))
    if "--write" in sys.argv:
        ANSWERS.write_text("".join(json.dumps(answer) + "\n" for answer in everything), encoding="utf-8")
    for answer in everything:
        print(json.dumps(answer))
