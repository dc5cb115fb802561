"""Which release of vLLM has which flag, from a table sampled over 34 releases, and how flags may be written.

Between two samples nothing is known: a flag may be older, or live longer, than its samples say. So a flag is missing
for certain only in a release at or before the last sample that lacks it, or at or after the first that lost it.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

Release = tuple[int, ...]

NEWEST = "0.33.0"
"""The newest release that was sampled."""

BOOLEANS = frozenset({
    "--aggregate-engine-logging", "--allow-credentials", "--allow-deprecated-quantization", "--async-scheduling",
    "--calculate-kv-scales", "--cohere-is-reasoning-model", "--cudagraph-metrics", "--data-parallel-external-lb",
    "--data-parallel-hybrid-lb", "--data-parallel-multi-port-external-lb", "--dcp-q-replicate",
    "--disable-cascade-attn", "--disable-chunked-mm-input", "--disable-custom-all-reduce",
    "--disable-fastapi-docs", "--disable-frontend-multiprocessing", "--disable-hybrid-kv-cache-manager",
    "--disable-log-requests", "--disable-log-stats", "--disable-mm-preprocessor-cache",
    "--disable-nccl-for-dp-synchronization", "--disable-sliding-window", "--disable-uvicorn-access-log",
    "--enable-auto-tool-choice", "--enable-batch-sharded-sampling", "--enable-bf16x3-router-gemm",
    "--enable-chunked-prefill",
    "--enable-cumem-allocator", "--enable-dbo", "--enable-elastic-ep", "--enable-ep-weight-filter",
    "--enable-eplb", "--enable-expert-parallel", "--enable-fault-tolerance", "--enable-flash-late-interaction",
    "--enable-flashinfer-autotune", "--enable-force-include-usage", "--enable-hc-sp",
    "--enable-layerwise-nvtx-tracing", "--enable-log-deltas", "--enable-log-outputs", "--enable-log-requests",
    "--enable-logging-iteration-details", "--enable-lora", "--enable-lora-bias",
    "--enable-mamba-cache-stochastic-rounding", "--enable-mamba-fine-grained-prefix-cache",
    "--enable-mamba-shared-prefix-checkpoint", "--enable-mfu-metrics",
    "--enable-mixed-moe-lora-format", "--enable-mm-embeds", "--enable-moe-shared-loras",
    "--enable-multimodal-encoder-data-parallel", "--enable-nccl-comm-suspend", "--enable-offline-docs",
    "--enable-per-request-metrics", "--enable-prefix-caching", "--enable-prompt-adapter",
    "--enable-prompt-embeds", "--enable-prompt-tokens-details", "--enable-reasoning",
    "--enable-request-id-headers", "--enable-return-routed-experts", "--enable-scale-out",
    "--enable-server-load-tracking", "--enable-shm-tensor-arena", "--enable-sleep-mode", "--enable-ssl-refresh",
    "--enable-tokenizer-info-endpoint", "--enable-tower-connector-lora", "--enable-trace-replay",
    "--enforce-eager", "--eplb-log-balancedness", "--exclude-tools-when-tool-choice-none",
    "--fail-on-environ-validation", "--fully-sharded-loras", "--grpc", "--headless", "--interleave-mm-strings",
    "--jit-monitor-verbose", "--kv-cache-metrics", "--kv-sharing-fast-prefill", "--language-model-only",
    "--log-error-stack", "--long-prefill-token-threshold-adaptive", "--mm-device-do-normalize",
    "--mm-encoder-only", "--monokernel", "--multi-step-stream-outputs", "--numa-bind", "--ray-workers-use-nsight",
    "--return-sampling-mask", "--return-tokens-as-token-ids", "--scheduler-reserve-full-isl",
    "--skip-mm-profiling", "--skip-tokenizer-init", "--sleep-mode-offload-cudagraph", "--specialize-active-lora",
    "--swa-bounded-replay", "--tokens-only", "--trust-remote-code", "--trust-request-chat-template",
    "--trust-request-mm-kwargs", "--use-fp64-gumbel", "--use-replayssm", "--use-tqdm-on-load",
    "--use-v2-block-manager",
})  # fmt: skip

SEVERAL = frozenset({
    "--served-model-name", "--lora-modules", "--prompt-adapters", "--cuda-graph-sizes", "--middleware",
    "--cudagraph-capture-sizes", "--allowed-media-domains", "--api-key", "--cpu-offload-params",
    "--custom-histogram-buckets", "--ignore-patterns", "--kv-cache-dtype-skip-layers", "--logits-processors",
    "--lora-target-modules", "--numa-bind-cpus", "--numa-bind-nodes", "--offload-params",
    "--sleep-preserve-parameter-names",
})  # fmt: skip

SHORT = {
    "-tp": "--tensor-parallel-size", "-pp": "--pipeline-parallel-size", "-dp": "--data-parallel-size",
    "-q": "--quantization", "-O": "--compilation-config", "-h": "--help", "-ac": "--attention-config",
    "-cc": "--compilation-config", "-sc": "--speculative-config", "-n": "--nnodes", "-r": "--node-rank",
    "-ep": "--enable-expert-parallel", "-asc": "--api-server-count", "-dcp": "--decode-context-parallel-size",
    "-pcp": "--prefill-context-parallel-size", "-dc": "--diffusion-config", "-dpa": "--data-parallel-address",
    "-dpb": "--data-parallel-backend", "-dpe": "--data-parallel-external-lb", "-dph": "--data-parallel-hybrid-lb",
    "-dpl": "--data-parallel-size-local", "-dpm": "--data-parallel-multi-port-external-lb",
    "-dpn": "--data-parallel-rank", "-dpp": "--data-parallel-rpc-port", "-dpr": "--data-parallel-start-rank",
}  # fmt: skip

_YOUNGER = {"-cc": ("0.11.0", "0.12.0"), "-ep": ("0.13.0", "0.16.0"), "-sc": ("0.18.1", "0.20.2")}
"""Short forms that came after their flag: the last release asked that lacks one, and the first that has it."""


class Presence(StrEnum):
    """Whether a release has a flag. UNSURE: the samples around it differ. UNKNOWN: no sample ever had it."""

    PRESENT = "present"
    REMOVED = "removed"
    NOT_YET = "not_yet"
    UNSURE = "unsure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Span:
    """The first and the last sample that has a flag; `last` None: the newest has it."""

    first: str
    last: str | None


def release_of(version: str) -> Release:
    """`0.11.0` as (0, 11, 0), to be compared."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


@cache
def flags() -> dict[str, Span]:
    """The table."""
    return {row["flag"]: Span(row["first"], row["last"]) for row in map(json.loads, rows())}


def rows() -> list[str]:
    """The lines of the table, each a flag as JSON."""
    return _lines()[1:]


@cache
def samples() -> tuple[str, ...]:
    """The releases that were sampled, oldest first."""
    found: list[str] = json.loads(_lines()[0])["sampled"]
    return tuple(found)


def presence(flag: str, release: Release) -> Presence:
    """Whether the release has the flag, as far as the samples tell."""
    span = flags().get(flag)
    return presence_of(span, samples(), release) if span else Presence.UNKNOWN


def presence_of(span: Span, sampled: tuple[str, ...], release: Release) -> Presence:
    """Whether the release lies in the span, as far as those samples tell."""
    if release < release_of(span.first):
        before = _neighbour(span.first, -1, sampled)
        return Presence.NOT_YET if before and release <= release_of(before) else Presence.UNSURE
    if span.last is None or release <= release_of(span.last):
        return Presence.PRESENT
    after = _neighbour(span.last, 1, sampled)
    return Presence.REMOVED if after and release >= release_of(after) else Presence.UNSURE


def gone_since(flag: str) -> str | None:
    """The first sample without a flag that once was; None for one that still is."""
    last = flags()[flag].last
    return _neighbour(last, 1, samples()) if last else None


def canonical(written: str) -> str:
    """The flag that a spelling means: `_` for `-`, short forms, `--no-X` and the dotted form of a JSON flag."""
    name = SHORT.get(written[:2] if written[:2] == "-O" else written.partition(".")[0], written)
    if not name.startswith("--"):
        return name
    name = "--" + name[2:].partition(".")[0].replace("_", "-")
    return name if name in flags() else _base(name)


def short_form_since(written: str, release: Release) -> str | None:
    """The first release seen with a short form that this one lacks for certain; None when it may have it."""
    without, first = _YOUNGER.get(written.partition(".")[0], (None, ""))
    return first if without and release <= release_of(without) else None


def completions(prefix: str, release: Release) -> list[str]:
    """The flags of a release that a prefix may stand for: the parser takes one that is the only one."""
    return [flag for flag in flags() if flag.startswith(prefix) and presence(flag, release) is Presence.PRESENT]


def short_completions(prefix: str, release: Release) -> list[str]:
    """The flags whose short forms begin like a single-dash word: the parser takes one that is the only one."""
    return sorted({
        flag
        for short, flag in SHORT.items()
        if short.startswith(prefix) and presence(flag, release) is not Presence.NOT_YET
        and not short_form_since(short, release)
    })  # fmt: skip


def _base(name: str) -> str:
    """Every boolean has a `--no-` form; the newest release takes `--disable-X` for `--enable-X` as well."""
    positive = "--" + name.removeprefix("--no-") if name.startswith("--no-") else name
    for spelling in (
        positive,
        positive.replace("--disable-", "--enable-"),
        positive.replace("--enable-", "--disable-"),
    ):
        if spelling in flags():
            return spelling
    return name


def _neighbour(version: str, step: int, sampled: tuple[str, ...]) -> str | None:
    index = sampled.index(version) + step
    return sampled[index] if 0 <= index < len(sampled) else None


def _lines() -> list[str]:
    return (Path(__file__).parent / "vllm_flags.jsonl").read_text(encoding="utf-8").splitlines()
