"""Models and GPUs as rows of a table and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from cloudgpu.cli.render import Column
from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.model import ModelSpec

BILLION = 10**9


def model_rows(models: Sequence[ModelSpec]) -> tuple[list[Column], list[list[str]]]:
    """The table of models: what to type, what it is, how large, what else it comes as."""
    columns = [
        Column("Name"),
        Column("Model", drop=1),
        Column("Parameters", right=True),
        Column("Context", right=True),
        Column("Format", drop=3),
        Column("Also published as", drop=2),
    ]
    return columns, [_model_row(model) for model in models]


def model_fields(model: ModelSpec) -> Mapping[str, object]:
    """A model as JSON."""
    return {
        "name": model.short_name,
        "model": model.model_id,
        "aliases": list(model.aliases),
        "family": model.family,
        "parameters": model.parameters,
        "max_context": model.max_context,
        "dtype": model.dtype,
        "quantization": model.quantization,
        "published_quantizations": list(model.published_quantizations()),
        "is_encoder": model.is_encoder,
        "source": model.source,
    }


def gpu_rows(gpus: Sequence[GpuSpec]) -> tuple[list[Column], list[list[str]]]:
    """The table of GPUs."""
    columns = [
        Column("GPU"),
        Column("nvidia-smi MiB", right=True, drop=2),
        Column("Usable GiB", right=True),
        Column("GB/s", right=True),
        Column("bf16 TFLOPS", right=True, drop=3),
        Column("Capability", right=True),
        Column("Vast.ai name", drop=1),
    ]
    return columns, [_gpu_row(gpu) for gpu in gpus]


def gpu_fields(gpu: GpuSpec) -> Mapping[str, object]:
    """A GPU as JSON."""
    return asdict(gpu)


def _model_row(model: ModelSpec) -> list[str]:
    return [
        model.short_name,
        model.model_id,
        f"{model.parameters / BILLION:.2f} B",
        f"{model.max_context:,}",
        model.quantization or model.dtype,
        ", ".join(model.published_quantizations()) or "-",
    ]


def _gpu_row(gpu: GpuSpec) -> list[str]:
    return [
        gpu.name,
        f"{gpu.memory_mib:,}",
        f"{'' if gpu.total_is_measured else '~'}{gpu.total_gib:.2f}",
        f"{gpu.bandwidth_gb_per_s:,.0f}" if gpu.bandwidth_gb_per_s else "-",
        f"{gpu.bf16_tflops:,.0f}" if gpu.bf16_tflops else "-",
        gpu.compute_capability or "-",
        ", ".join(gpu.vast_names) or "-",
    ]
