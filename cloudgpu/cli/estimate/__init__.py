"""`cloudgpu estimate`: does this model start on that card, and what does it hold."""

# ruff: noqa: ARG001 - typer reads the signature; the values travel together as context.params

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("estimate")(estimate)


def estimate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Alias, Hub id, folder or config.json.")] = "",
    gpu: Annotated[str, typer.Option(help="GPU, in any spelling.")] = "",
    gpu_total_gib: Annotated[float | None, typer.Option(help="Total memory as torch reports it, in GiB.")] = None,
    gpus: Annotated[int | None, typer.Option(min=1, help="Number of GPUs, shared out as tensor parallelism.")] = None,
    tensor_parallel: Annotated[
        int | None, typer.Option("--tensor-parallel", "--tp", min=1, help="GPUs a layer.")
    ] = None,
    pipeline_parallel: Annotated[int | None, typer.Option("--pipeline-parallel", "--pp", min=1, help="Stages.")] = None,
    max_model_len: Annotated[
        int | None,
        typer.Option(
            "--max-model-len", "--context", min=1, help="Context in tokens; default: the model's, at most 8192."
        ),
    ] = None,
    gpu_memory_utilization: Annotated[float | None, typer.Option(help="Share of the card; engine's default.")] = None,
    kv_cache_dtype: Annotated[str, typer.Option(help="auto, fp8, …")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, bfloat16, float16, float32")] = "auto",
    quantization: Annotated[str | None, typer.Option(help="awq, gptq, fp8, …; default: the checkpoint's own.")] = None,
    max_num_seqs: Annotated[
        int | None, typer.Option(min=1, help="Sequences at once; default: by card, as vLLM.")
    ] = None,
    max_num_batched_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens a step; default: by card, as vLLM.")
    ] = None,
    enforce_eager: Annotated[bool, typer.Option("--enforce-eager", help="No CUDA graphs.")] = False,
    no_flash_attention: Annotated[
        bool, typer.Option("--no-flash-attention", help="llama.cpp with --flash-attn off.")
    ] = False,
    lora_rank: Annotated[int | None, typer.Option(min=1, help="Largest rank of LoRA adapters.")] = None,
    max_loras: Annotated[int, typer.Option(min=1, help="LoRA adapters at once.")] = 1,
    rope_scaling_factor: Annotated[
        float | None, typer.Option(help="YaRN's factor; default: the config's, or what the context needs.")
    ] = None,
    image_limit: Annotated[int | None, typer.Option(min=0, help="Images of a prompt at most; 0: text only.")] = None,
    max_pixels: Annotated[int | None, typer.Option(min=1, help="Largest image after resizing, in pixels.")] = None,
    speculative_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens drafted by the model's MTP layers.")
    ] = None,
    expert_parallel: Annotated[bool, typer.Option("--expert-parallel", help="Share whole experts out.")] = False,
    engine: Annotated[str, typer.Option(help="vllm, sglang, transformers or llama.cpp")] = "vllm",
    engine_version: Annotated[str | None, typer.Option(help="Release, e.g. 0.25.1.")] = None,
    weights_from: Annotated[
        str, typer.Option(help="auto, hub, catalogue or file; auto asks the Hub only for an unknown owner/name.")
    ] = "auto",
    concurrency: Annotated[int | None, typer.Option(min=1, help="Requests at once, for the speed; default 1.")] = None,
    prompt_tokens: Annotated[
        int | None, typer.Option(min=1, help="Length of a prompt, for the speed; default 1024.")
    ] = None,
    output_tokens: Annotated[
        int | None, typer.Option(min=1, help="Length of an answer, for the speed; default 256.")
    ] = None,
    cases: Annotated[Path | None, typer.Option(help="JSON lines of cases; answers in JSON lines.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether a model starts on a GPU and how fast it runs, with its memory budget, longest context and bands."""
    # Imported here to keep `--help` fast.
    from cloudgpu.cli import render
    from cloudgpu.cli.estimate.view import show
    from cloudgpu.cli.option_values import refuse_empty
    from cloudgpu.sizing.cases import answer_case
    from cloudgpu.sizing.fixes import fixes_for

    refuse_empty(quantization=quantization, engine_version=engine_version, engine=engine, weights_from=weights_from)
    if cases is not None:
        return _answer_cases(cases)
    found = answer_case(context.params)
    if as_json:
        return render.out_json(found.as_json())
    show(found.memory, found.speed, () if found.memory.starts else fixes_for(context.params))
    return None


def _answer_cases(path: Path) -> None:
    """One line out for every line in; a bad line is answered with its error and never stops the others."""
    from cloudgpu.base.errors import BadFileError

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"{path} cannot be read as text", hint="give a file with one JSON object a line") from error
    for line in lines:
        if line.strip():
            typer.echo(_answer(line))


def _answer(line: str) -> str:
    import json

    from cloudgpu.base.errors import BadFileError, CloudgpuError
    from cloudgpu.sizing.cases import answer_case

    name: object = None
    try:
        case = json.loads(line)
        if not isinstance(case, dict):
            raise BadFileError("a case must be a JSON object")
        name = case.get("id")
        return json.dumps({"id": name, **answer_case(case).as_json()})
    except (ValueError, RecursionError):
        return json.dumps({"id": name, "error": {"code": "bad_file", "message": "the line is not JSON"}})
    except CloudgpuError as error:
        return json.dumps({"id": name, "error": {"code": error.code, "message": error.message}})
