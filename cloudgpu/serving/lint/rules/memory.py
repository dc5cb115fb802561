"""Whether it fits the card: V10, V11, V27 to V30, V44. The figures are the estimator's."""

from collections.abc import Iterator

from cloudgpu.serving.lint.arguments import read_arguments
from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.reading.service import Service
from cloudgpu.serving.lint.rule import rule
from cloudgpu.sizing.memory.result import Refusal

_DEFAULT_SWAP_GIB = 4.0
_SMALL_SWAP_GIB = 8.0
"""So much, no host that serves models lacks."""

_ESTIMATE = "cloudgpu's estimate (docs/accuracy.md)"


@rule("V10", Severity.ERROR, "weights that do not fit the engine's share", source=_ESTIMATE)
def weights_too_large(case: Case) -> Iterator[Hit]:
    """Weights, activation peak and non-torch memory leave nothing of the share."""
    memory = case.counted_memory
    if memory and memory.refusal is Refusal.WEIGHTS:
        yield Hit(
            message=f"{memory.weights_gib:.1f} GiB of weights per GPU and {memory.activation_peak_gib:.1f} GiB of "
            f"workspace do not fit the {memory.requested_gib:.1f} GiB that the engine may take of each {memory.gpu}",
            fix="use more or larger GPUs, or a smaller quantisation", at=case.at("--gpu-memory-utilization"),
        )  # fmt: skip


@rule("V11", Severity.ERROR, "context that the KV cache cannot hold", source=_ESTIMATE)
def context_too_long(case: Case) -> Iterator[Hit]:
    """The engine refuses to start when one sequence of the context does not fit: "To serve at least one request"."""
    memory = case.counted_memory
    if memory is None or memory.refusal is not Refusal.KV_CACHE:
        return
    longest = memory.longest_context
    left_gib = max(memory.kv_cache_gib, 0)
    yield Hit(
        message=f"{memory.context_tokens} tokens need {memory.kv_needed_gib:.1f} GiB of KV cache per GPU, and about "
        f"{left_gib:.1f} GiB are left" + (f": the longest that starts is about {longest} tokens" if longest else ""),
        fix=f"ask for --max-model-len {longest}, or `auto` (0.14 and later)"
        if longest
        else "use GPUs with more memory",
        at=case.at("--max-model-len"),
        edits=(Edit(flag="--max-model-len", value=str(longest)),) if longest else (),
        severity=None if memory.kv_needed_gib - memory.kv_cache_gib > memory.error_band_gib else Severity.WARNING,
    )


@rule("V27", Severity.ERROR, "servers that claim the same GPU twice", source="vllm issues 14376, 17366, 17979")
def shared_card(case: Case) -> Iterator[Hit]:
    """Each start compares its share with what is free then; up to 0.9 a later share counted what was used."""
    if not case.service.is_container:
        return  # the commands of a script may be alternatives
    mine = set(case.service.devices or ())
    for other in (*case.others, *case.beside):
        shared = mine & set(other.devices or ())
        if not shared or other.name <= case.service.name:
            continue
        sum_ = _share(case) + (read_arguments(other.words, case.release).number("--gpu-memory-utilization") or 0.9)
        if sum_ > 1.0:
            yield _claimed_twice(case, other, ", ".join(sorted(shared)), sum_)


@rule("V28", Severity.WARNING, "share that leaves no room beside it", source=_ESTIMATE)
def share_too_large(case: Case) -> Iterator[Hit]:
    """CUDA graphs, the CUDA context and whatever else runs on the card lie outside the share."""
    memory = case.counted_memory
    if memory and memory.starts and memory.used_gib > memory.total_gib:
        yield Hit(
            message=f"share, graphs and CUDA context come to {memory.used_gib:.1f} GiB of {memory.total_gib:.1f} GiB",
            fix=f"lower --gpu-memory-utilization to {memory.highest_utilization:.2f}",
            at=case.at("--gpu-memory-utilization"),
            edits=(Edit(flag="--gpu-memory-utilization", value=f"{memory.highest_utilization:.2f}"),),
        )  # fmt: skip


@rule("V29", Severity.WARNING, "batches whose workspace takes the KV cache's room", source=_ESTIMATE)
def batch_too_large(case: Case) -> Iterator[Hit]:
    """The profiled activation peak grows with max_num_batched_tokens; chunked prefill needs no large one."""
    tokens = case.args.count("--max-num-batched-tokens")
    if tokens and tokens > 16384:
        peak = f": {case.memory.activation_peak_gib:.1f} GiB of each GPU" if case.memory else ""
        yield Hit(
            message=f"--max-num-batched-tokens {tokens} reserves workspace for a step of that size{peak}",
            fix="8192 is plenty: long prompts are read in chunks", at=case.at("--max-num-batched-tokens"),
            edits=(Edit(flag="--max-num-batched-tokens", value="8192"),),
        )  # fmt: skip


@rule("V30", Severity.ERROR, "step smaller than its sequences", source="vLLM's config validation")
def batch_too_small(case: Case) -> Iterator[Hit]:
    """Each running sequence needs at least one token of a step; whole prompts, where they are not read in chunks."""
    tokens, seqs = case.args.count("--max-num-batched-tokens"), case.args.count("--max-num-seqs")
    if tokens and seqs and tokens < seqs:
        yield Hit(
            message=f"--max-num-batched-tokens {tokens} is below --max-num-seqs {seqs}",
            fix=f"raise it to {seqs} at least", at=case.at("--max-num-batched-tokens"),
            edits=(Edit(flag="--max-num-batched-tokens", value=str(max(seqs, 2048))),),
        )  # fmt: skip
    context = case.args.count("--max-model-len") or (case.model.max_context if case.model else None)
    chunks = case.args.get("--enable-chunked-prefill")
    if tokens and chunks and chunks.written.startswith("--no-") and context and tokens < context:
        yield Hit(
            message=f"--max-num-batched-tokens {tokens} is below the {context} tokens of a prompt, which "
            f"{chunks.written} reads whole", fix=f"drop {chunks.written}, or raise it to {context}",
            at=case.at("--max-num-batched-tokens"), edits=(Edit(flag=chunks.flag),),
        )  # fmt: skip


@rule("V44", Severity.ERROR, "swap space that the host's memory cannot hold", versions="<= 0.17",
      source="vLLM 0.11.0 run; vllm issue 36216")  # fmt: skip
def swap_space(case: Case) -> Iterator[Hit]:
    """Up to 0.17 the start ends when swap-space × TP exceeds 70 % of the host's memory. It has no effect otherwise."""
    asked = case.args.number("--swap-space")
    ram = case.host.ram_gib if case.host else None
    if case.release >= (0, 18) or (asked is None and ram is None):
        return
    asked = _DEFAULT_SWAP_GIB if asked is None else asked
    whole = asked * case.tensor_parallel
    if whole <= (_SMALL_SWAP_GIB if ram is None else 0.4 * ram):
        return
    certain = ram is not None and whole > 0.7 * ram
    yield Hit(
        message=f"--swap-space {asked:g} sets {whole:g} GiB of the host's memory aside"
        + (f" of {ram:g}" if ram else "") + ", to no effect since the V1 engine; above 70 % of it the start fails",
        fix="set it to 0", at=case.at("--swap-space"), edits=(Edit(flag="--swap-space", value="0"),),
        severity=None if certain else Severity.WARNING,
    )  # fmt: skip


def _share(case: Case) -> float:
    return case.args.number("--gpu-memory-utilization") or 0.9


def _claimed_twice(case: Case, other: Service, gpus: str, share: float) -> Hit:
    """Of two files nobody knows whether they are meant to run at the same time."""
    names = f"{case.service.name} and {other.name}"
    certain = case.release >= (0, 10) and not case.is_guessed
    if other in case.beside:
        return Hit(
            message=f"{names} (in another file) claim {share:.0%} of GPU {gpus}: they cannot run at the same time",
            at=case.at("--gpu-memory-utilization"), severity=Severity.NOTE,
        )  # fmt: skip
    return Hit(
        message=f"{names} share GPU {gpus} and claim {share:.0%} of it: whichever starts second finds too little free "
        "memory",
        fix="lower --gpu-memory-utilization of both, or give each a GPU of its own",
        at=case.at("--gpu-memory-utilization"), severity=None if certain else Severity.WARNING,
    )  # fmt: skip
