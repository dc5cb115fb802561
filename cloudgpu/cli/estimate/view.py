"""An estimate for a reader: the verdict first, then a budget that adds up to the card."""

import shlex
from collections.abc import Sequence

from cloudgpu.cli import render
from cloudgpu.sizing.memory import MemoryEstimate, Refusal
from cloudgpu.sizing.speed import SpeedEstimate


def show(found: MemoryEstimate, speed: SpeedEstimate | None = None, fixes: Sequence[str] = ()) -> None:
    """Print the estimate, the speed where there is one, and what would make a refused one start."""
    render.heading(headline(found))
    render.text(title(found))
    render.text()
    render.table([render.Column("Per GPU"), render.Column("GiB", right=True), render.Column("")], budget_rows(found))
    render.text()
    render.pairs([*facts(found), *(speed_facts(speed) if speed else [])])
    for note in found.capability_notes:
        render.note(f"Note: {note}.")
    if found.flags and not found.hardware_error:
        render.text()
        render.text(("Start it with: " if found.starts else "It would start with: ") + " ".join(_quoted(found.flags)))
    if fixes:
        render.text()
        render.text(f"As asked it would start with {' or '.join(fixes)}.")
    if found.refusal_text:
        render.text()
        render.note(f"The engine would say: {found.refusal_text}")


def headline(found: MemoryEstimate) -> str:
    """The verdict in one line; a card that the release does not run on outweighs whatever the memory says."""
    if found.hardware_error:
        return f"Does not run: {found.hardware_error}."
    if found.refusal is Refusal.WEIGHTS:
        return f"Does not start: {found.weights_gib:.1f} GiB of weights do not fit {found.requested_gib:.1f} GiB."
    if found.refusal is Refusal.KV_CACHE:
        return _cache_headline(found)
    if found.starts and found.crowds_card:
        return (
            f"Tight: starts by this estimate, but {found.used_gib:.1f} GiB in all under full load on "
            f"{found.total_gib:.1f}, and the CUDA graphs may take {found.cuda_graph_band_gib:.1f} GiB more. "
            f"--gpu-memory-utilization {found.highest_utilization:.2f} is safe."
        )
    if found.is_tight:
        return f"Tight: starts by this estimate, but by less than its error of ±{found.error_band_gib:.1f} GiB."
    if not found.kv_bytes_per_token:
        return "Fits: an encoder keeps no cache."
    return f"Fits: {found.sequences_at_context:,.1f} sequences of {found.context_tokens:,} tokens at once."


def title(found: MemoryEstimate) -> str:
    """What was asked: model, cards, engine, context."""
    gpus = found.tensor_parallel * found.pipeline_parallel
    cards = found.gpu if gpus == 1 else f"{gpus} × {found.gpu} ({_split(found)})"
    format_ = f" ({found.quantization})" if found.quantization else ""
    engine = f"{found.engine} {found.engine_version}"
    return f"{found.model}{format_} on {cards}, {engine}, context {found.context_tokens:,}"


def budget_rows(found: MemoryEstimate) -> list[list[str]]:
    """Components whose sum is the card, in the order in which an engine takes them."""
    inside = found.cuda_graph_inside_budget
    rows = [
        ("Weights", found.weights_gib, ""),
        ("Activation peak", found.activation_peak_gib, ""),
        ("Outside torch", found.non_torch_gib, "kernels, NCCL"),
        *([("CUDA graphs", found.cuda_graph_gib, "")] if inside else []),
        ("KV cache", found.kv_cache_gib, _cache_note(found)),
        ("= engine's share", found.requested_gib, f"{found.requested_gib / found.total_gib:.0%} of the card"),
        *([] if inside else [("CUDA graphs", found.cuda_graph_gib, "on top of the share")]),
        ("CUDA context", found.cuda_context_gib, "on top of the share"),
        ("Unused", found.total_gib - _taken_gib(found), ""),
        ("= card", found.total_gib, "as torch reports it"),
    ]
    return [[name, f"{gib:.2f}", note] for name, gib, note in rows]


def facts(found: MemoryEstimate) -> list[tuple[str, str]]:
    """The figures a reader plans with."""
    return [
        ("Longest context", f"{found.longest_context:,} tokens" if found.longest_context else "none"),
        ("Sequences at once", f"{found.sequences_at_context:,.1f} of {found.context_tokens:,} tokens"),
        ("KV cache holds", f"{found.kv_cache_tokens:,} tokens of {found.kv_bytes_per_token:,} bytes"),
        ("Error band", f"±{found.error_band_gib:.2f} GiB of KV cache"),
        ("Weights from", found.weights_source),
    ]


def speed_facts(speed: SpeedEstimate) -> list[tuple[str, str]]:
    """Two lines: tokens a second at the concurrency, and how long a prompt takes, each with its band."""
    band = f"±{speed.error_band_percent} %"
    each = 1000 / speed.tpot_ms
    waiting = f", {speed.running:.0f} run at once" if speed.waits else ""
    requests = "1 request" if speed.concurrency == 1 else f"{speed.concurrency:,} requests, {each:,.0f} each{waiting}"
    return [
        ("Tokens a second", f"{speed.output_tokens_per_s:,.0f} {band} at {requests}"),
        ("Prompt", f"{speed.prefill_ms:,.0f} ms {band} for {speed.prompt_tokens:,} tokens, when nothing else runs"),
    ]


def _quoted(flags: Sequence[str]) -> list[str]:
    """Each flag as a shell takes it: values with braces in single quotes."""
    pairs = [flag.partition(" ") for flag in flags]
    return [f"{name} {shlex.quote(value)}" if value else name for name, _, value in pairs]


def _cache_headline(found: MemoryEstimate) -> str:
    if found.kv_cache_gib <= 0:
        return "Does not start: the weights and their workspace leave no KV cache."
    if found.kv_cache_gib < found.kv_needed_gib:
        return (
            f"Does not start with {found.context_tokens:,} tokens: they need {found.kv_needed_gib:.1f} GiB of KV cache "
            f"and {found.kv_cache_gib:.1f} GiB are left. Up to {found.longest_context:,} tokens fit."
        )
    return (
        f"Does not start: {found.used_gib:.2f} GiB in all do not fit the card. "
        f"Use --gpu-memory-utilization {found.highest_utilization:.2f} or less."
    )


def _cache_note(found: MemoryEstimate) -> str:
    if not found.kv_bytes_per_token:
        return "not needed"
    return "missing" if found.kv_cache_gib < 0 else f"{found.kv_needed_gib:.2f} for one sequence"


def _taken_gib(found: MemoryEstimate) -> float:
    outside = 0.0 if found.cuda_graph_inside_budget else found.cuda_graph_gib
    return found.requested_gib + outside + found.cuda_context_gib


def _split(found: MemoryEstimate) -> str:
    parts = [f"tensor parallel {found.tensor_parallel}"] if found.tensor_parallel > 1 else []
    parts += [f"pipeline parallel {found.pipeline_parallel}"] if found.pipeline_parallel > 1 else []
    return ", ".join(parts)
