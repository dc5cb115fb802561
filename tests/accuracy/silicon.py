"""The silicon sample of aiconfigurator-core: measured speeds of vLLM and SGLang, read out of the wheel.

The wheel (Apache-2.0, 80 MB) is fetched once by pip into a cache folder and never committed.
"""

import csv
import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.sizing.gpus import GpuSpec, find_gpu
from cloudgpu.sizing.memory import MemoryEstimate, estimate
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.models import model_from_config, resolve_model
from cloudgpu.sizing.options import ServingOptions
from cloudgpu.sizing.speed.card import card_speed
from cloudgpu.sizing.speed.estimate import running_requests, split_of
from cloudgpu.sizing.speed.loads import Loads, loads_of
from cloudgpu.sizing.speed.workload import Workload

PACKAGE = "aiconfigurator-core==0.12.0"
SAMPLE = "aiconfigurator_core/systems/silicon_sample.csv"
CONFIGS = "aiconfigurator_core/model_configs/{}_config.json"
CARDS = {"h100_sxm": "H100 SXM", "h200_sxm": "H200 SXM", "b200_sxm": "B200"}
CONTRADICTED = 0.8
"""A row is contradicted by one with fewer requests at once that took longer than this much of it."""

MODELS = {
    "meta-llama/Llama-3.1-70B": ("Llama 3.1", "meta-llama/Llama-3.1-70B-Instruct"),
    "meta-llama/Llama-3.1-8B-Instruct": ("Llama 3.1", "meta-llama/Llama-3.1-8B-Instruct"),
    "nvidia/Llama-3.1-8B-Instruct-FP8": ("Llama 3.1", "meta-llama/Llama-3.1-8B-Instruct"),
    "Qwen/Qwen3-32B": ("Qwen3 dense", "Qwen/Qwen3-32B"),
    "Qwen/Qwen3-235B-A22B-FP8": ("Qwen3 MoE", "Qwen/Qwen3-235B-A22B"),
    "Qwen/Qwen3.5-397B-A17B": ("Qwen3.5", "Qwen/Qwen3.5-397B-A17B"),
    "deepseek-ai/DeepSeek-R1": ("DeepSeek", "deepseek-ai/DeepSeek-R1"),
    "deepseek-ai/DeepSeek-V3": ("DeepSeek", "deepseek-ai/DeepSeek-V3"),
    "openai/gpt-oss-120b": ("gpt-oss", "openai/gpt-oss-120b"),
    "MiniMaxAI/MiniMax-M2.5": ("MiniMax", "config:MiniMaxAI--MiniMax-M2.5"),
    "moonshotai/Kimi-K2.5": ("Kimi", "config:moonshotai--Kimi-K2.5"),
    "zhipuai/GLM-5": ("GLM-5", "config:zai-org--GLM-5"),
}
"""Model of the sample: its family, and the catalogue's model or the config in the wheel."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured row. `memory` None: the split is one that the memory side refuses."""

    id: str
    name: str
    family: str
    model: ModelSpec
    quantization: str | None
    engine: str
    version: str
    card: str
    ranks: int
    workload: Workload
    tpot_ms: float
    ttft_ms: float

    @property
    def gpu(self) -> GpuSpec:
        return find_gpu(CARDS[self.card])

    @property
    def options(self) -> ServingOptions:
        asked = self.quantization if self.quantization != self.model.quantization else None
        return ServingOptions(quantization=asked, tensor_parallel=self.ranks)

    @cached_property
    def memory(self) -> MemoryEstimate | None:
        try:
            return estimate(self.model, self.gpu, self.options)
        except CloudgpuError:
            return None

    @cached_property
    def loads(self) -> Loads:
        split, card = split_of(self.model, self.options, self.quantization), card_speed(self.gpu)
        running = float(self.workload.concurrency)
        if self.memory is not None:
            running = running_requests(split, self.options, self.gpu, self.workload, self.memory)
        return loads_of(split, card, self.workload, running)

    @property
    def is_impossible(self) -> bool:
        """Whether the model does not fit the GPUs that the row names, or would outrun their nominal bandwidth."""
        if self.memory is not None and not self.memory.starts:
            return True
        reading_s = self.loads.stream_s + self.loads.unpacked_s + self.loads.cache_s
        return self.tpot_ms < reading_s * 1000


def wheel() -> Path:
    """The wheel, fetched by pip when the cache has none."""
    folder = Path(os.environ.get("CLOUDGPU_TEST_CACHE", Path.home() / ".cache" / "cloudgpu-tests"))
    found = sorted(folder.glob("aiconfigurator_core-0.12.0-*.whl"))
    if not found:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), PACKAGE], check=True
        )
        found = sorted(folder.glob("aiconfigurator_core-0.12.0-*.whl"))
    return found[0]


def read_rows(cards: tuple[str, ...], file: Path | None = None) -> list[Row]:
    """Rows of vLLM and SGLang on these cards: one node, prompts and answers on the same GPUs, no data parallelism.

    Rows that repeat another to the hundredth of a millisecond are left out, as are rows whose tensor parallelism is
    64 (the same figures stand there with 8).
    """
    with zipfile.ZipFile(file or wheel()) as archive:
        raw = list(csv.DictReader(StringIO(archive.read(SAMPLE).decode())))
        models = {name: _model(archive, source) for name, (_, source) in MODELS.items()}
    rows = [_row(line, models) for line in raw if _counts(line, cards)]
    once = {_identity(row): row for row in reversed(rows)}
    return list(reversed(once.values()))


def sound(rows: list[Row]) -> tuple[list[Row], list[Row], list[Row]]:
    """(rows that can be true, rows that no such card can have measured, rows that other rows contradict)."""
    possible = [row for row in rows if not row.is_impossible]
    contradicted = [row for row in possible if _is_contradicted(row, possible)]
    names = {row.id for row in contradicted}
    return [row for row in possible if row.id not in names], [row for row in rows if row.is_impossible], contradicted


def _counts(line: dict, cards: tuple[str, ...]) -> bool:
    return (
        line["mode"] == "agg"
        and line["backend"] in {"vllm", "sglang"}
        and line["system"] in cards
        and line["model_path"] in MODELS
        and int(line["tp_size"]) <= 8
        and int(line["attention_dp_size"] or 1) <= 1
        and int(line["pp_size"] or 1) == 1
    )


def _row(line: dict, models: dict[str, ModelSpec]) -> Row:
    stated = re.search(r"silicon_concurrency=(\d+)", line["silicon_data_source"])
    return Row(
        id=line["id"],
        name=line["model_path"],
        family=MODELS[line["model_path"]][0],
        model=models[line["model_path"]],
        quantization=_format(line),
        engine=line["backend"],
        version=line["backend_version"],
        card=line["system"],
        ranks=int(line["tp_size"]),
        workload=Workload(
            concurrency=int(stated.group(1) if stated else line["batch_size"]),
            prompt_tokens=int(line["isl"]),
            output_tokens=int(line["osl"]),
        ),
        tpot_ms=float(line["silicon_tpot_ms"]),
        ttft_ms=float(line["silicon_ttft_ms"]),
    )


def _format(line: dict) -> str | None:
    """gpt-oss is served in its own MXFP4, whatever the sample calls it; an empty precision of it is 16 bit."""
    if line["model_path"].startswith("openai/gpt-oss"):
        return "mxfp4"
    if line["precision"] == "" and "FP8" in line["model_path"]:
        return "fp8"
    return {"": None, "bf16": None, "fp8": "fp8", "fp4": "nvfp4", "int4": "gptq"}[line["precision"]]


def _model(archive: zipfile.ZipFile, source: str) -> ModelSpec:
    if not source.startswith("config:"):
        return resolve_model(source)
    name = source.removeprefix("config:")
    return model_from_config(_plain(json.loads(archive.read(CONFIGS.format(name)))), name)


def _plain(config: dict) -> dict:
    """The config without its number format, which the row states."""
    kept = {key: value for key, value in config.items() if key != "quantization_config"}
    return {key: _plain(value) if isinstance(value, dict) else value for key, value in kept.items()}


def _identity(row: Row) -> tuple:
    return row.family, row.engine, row.card, row.ranks, row.workload, round(row.tpot_ms, 2)


def _group(row: Row) -> tuple:
    return row.name, row.engine, row.card, row.ranks, row.workload.prompt_tokens, row.workload.output_tokens


def _is_contradicted(row: Row, rows: list[Row]) -> bool:
    """Fewer requests at once cannot take longer: of such a pair the row with 512 at once is the broken one, else the
    slow."""
    others = [other for other in rows if _group(other) == _group(row)]
    if row.workload.concurrency >= 512:
        return any(
            other.workload.concurrency < row.workload.concurrency and row.tpot_ms < CONTRADICTED * other.tpot_ms
            for other in others
        )
    return any(
        row.workload.concurrency < other.workload.concurrency < 512 and other.tpot_ms < CONTRADICTED * row.tpot_ms
        for other in others
    )
