"""What to change when a budget does not fit: each change tried for real, the least painful first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.engines.profile import capability
from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.pack.budget import LLAMA_CPP, OTHER, TRANSFORMERS, Budget, Entry
from cloudgpu.sizing.pack.in_process import dtype_of, packed_format
from cloudgpu.sizing.pack.packing import Packing, Verdict, pack

LEAST_SAVING_GIB = 0.1
FEWER_SEQUENCES = 32
LEAST_CONTEXT = 2048
MOST_STEPS = 8
FP8_CACHE_CAPABILITY = "8.9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One change. `saves_gib` over all cards, `verdict` of the budget with this change alone (or, in a list of steps,
    with it and those before)."""

    about: str
    change: str
    saves_gib: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Change:
    about: str
    kind: str
    text: str
    budget: Budget


def remedies_for(packing: Packing) -> tuple[list[Remedy], list[Remedy]]:
    """(changes that are enough alone, steps that are enough together), both empty when it fits or nothing helps.

    The steps are given only when no single change is enough. A card more is tried last.
    """
    if packing.verdict is Verdict.FITS:
        return [], []
    enough: dict[tuple[str, str], Remedy] = {}
    for change in _changes(packing.budget):
        after = pack(change.budget)
        if after.verdict is Verdict.FITS:  # of one kind the mildest that is enough
            enough.setdefault((change.about, change.kind), _remedy(packing, change, after))
    return (list(enough.values()), []) if enough else ([], _steps(packing))


def _steps(packing: Packing) -> list[Remedy]:
    """The first change that helps, again and again, until it fits."""
    steps: list[Remedy] = []
    current = packing
    for _ in range(MOST_STEPS):
        better = next(_helping(current), None)
        if better is None:
            return []
        change, after = better
        steps.append(_remedy(current, change, after))
        current = after
        if current.verdict is Verdict.FITS:
            return steps
    return []


def _helping(packing: Packing) -> Iterator[tuple[_Change, Packing]]:
    for change in _changes(packing.budget):
        after = pack(change.budget)
        nearer_gib = packing.short_gib - after.short_gib
        if after.refused < packing.refused or (after.refused == packing.refused and nearer_gib > LEAST_SAVING_GIB):
            yield change, after


def _remedy(before: Packing, change: _Change, after: Packing) -> Remedy:
    saved_gib = round(_used(before) - _used(after), 2)
    return Remedy(about=change.about, change=change.text, saves_gib=saved_gib, verdict=after.verdict)


def _used(packing: Packing) -> float:
    return sum(card.used_gib for card in packing.cards)


def _changes(budget: Budget) -> Iterator[_Change]:
    """All single changes that its options allow, the least painful first."""
    for alternatives in _KINDS:
        for index, entry in enumerate(budget.entries):
            for text, changed in alternatives(entry, budget.cards):
                entries = (*budget.entries[:index], changed, *budget.entries[index + 1 :])
                found = replace(budget, entries=entries)
                if _is_possible(found):
                    kind = text if alternatives is _quantised else alternatives.__name__
                    yield _Change(entry.name, kind, text, found)
    yield from _without_small_ones(budget)
    yield from _one_card_more(budget)


def _is_possible(budget: Budget) -> bool:
    try:
        pack(budget)
    except UsageError:
        return False
    return True


def _own_share(entry: Entry, _cards: Sequence[GpuSpec]) -> Iterator[tuple[str, Entry]]:
    if entry.gpu_memory_utilization is not None:
        yield "give it the share that it needs", replace(entry, gpu_memory_utilization=None)


def _anywhere(entry: Entry, cards: Sequence[GpuSpec]) -> Iterator[tuple[str, Entry]]:
    if entry.gpus and len(cards) > len(entry.gpus):
        yield "let it run on another card", replace(entry, gpus=())


def _half_precision(entry: Entry, _cards: Sequence[GpuSpec]) -> Iterator[tuple[str, Entry]]:
    model = entry.model
    if entry.engine != TRANSFORMERS or model is None or packed_format(entry, model):
        return
    if dtype_of(entry, model) == "float32":
        yield "dtype float16 instead of float32", replace(entry, dtype="float16")


def _fewer_sequences(entry: Entry, _cards: Sequence[GpuSpec]) -> Iterator[tuple[str, Entry]]:
    """Fewer sequences at once want less room for sampling and fewer CUDA graphs."""
    if entry.takes_share and (entry.max_num_seqs or FEWER_SEQUENCES + 1) > FEWER_SEQUENCES >= entry.concurrency:
        yield f"--max-num-seqs {FEWER_SEQUENCES}", replace(entry, max_num_seqs=FEWER_SEQUENCES)


_OWN_FORMATS = {TRANSFORMERS: ("int8", "nf4"), LLAMA_CPP: ("q8_0", "q4_k_m")}


def _quantised(entry: Entry, _cards: Sequence[GpuSpec]) -> Iterator[tuple[str, Entry]]:
    model = entry.model
    if model is None or model.is_encoder or model.quantization or entry.quantization:
        return
    own = _OWN_FORMATS.get(entry.engine)
    if own is not None:
        for name in own:
            yield f"load it in {name}", replace(entry, quantization=name)
        return
    published = model.published_quantizations()
    for name in ("fp8", "awq", "gptq"):
        if name in published:
            yield f"serve {model.checkpoint(name).repo_id}", replace(entry, quantization=name)
    if "fp8" not in published:
        yield "--quantization fp8, made while it loads", replace(entry, quantization="fp8")


def _fp8_cache(entry: Entry, cards: Sequence[GpuSpec]) -> Iterator[tuple[str, Entry]]:
    able = all(capability(gpu.compute_capability or "0.0") >= capability(FP8_CACHE_CAPABILITY) for gpu in cards)
    if entry.takes_share and not entry.is_encoder and entry.kv_cache_dtype == "auto" and able:
        yield "--kv-cache-dtype fp8", replace(entry, kv_cache_dtype="fp8")


def _smaller_batch(entry: Entry, _cards: Sequence[GpuSpec]) -> Iterator[tuple[str, Entry]]:
    if entry.engine == TRANSFORMERS and entry.batch > 1:
        for batch in dict.fromkeys((max(entry.batch // 2, 1), max(entry.batch // 4, 1))):
            yield f"batches of {batch} instead of {entry.batch}", replace(entry, batch=batch)


def _no_graphs(entry: Entry, _cards: Sequence[GpuSpec]) -> Iterator[tuple[str, Entry]]:
    if entry.takes_share and not entry.enforce_eager and not entry.is_encoder:
        yield "--enforce-eager (slower)", replace(entry, enforce_eager=True)


def _one_at_a_time(entry: Entry, _cards: Sequence[GpuSpec]) -> Iterator[tuple[str, Entry]]:
    if entry.is_server and entry.concurrency > 1:
        half = entry.concurrency // 2
        for wanted in dict.fromkeys((half, 1)):
            yield f"{wanted} sequences at once instead of {entry.concurrency}", replace(entry, concurrency=wanted)


def _shorter_context(entry: Entry, _cards: Sequence[GpuSpec]) -> Iterator[tuple[str, Entry]]:
    if not entry.is_server or entry.model is None or entry.is_encoder:
        return
    context = entry.context or min(entry.model.max_context, 8192)
    while context > LEAST_CONTEXT:
        context = max(context // 2, LEAST_CONTEXT)
        yield f"a context of {context:,} tokens", replace(entry, context=context)


_KINDS = (
    _own_share,
    _anywhere,
    _half_precision,
    _fewer_sequences,
    _quantised,
    _fp8_cache,
    _smaller_batch,
    _one_at_a_time,
    _shorter_context,
    _no_graphs,
)


def _without_small_ones(budget: Budget) -> Iterator[_Change]:
    """Encoders run on the CPU as well, slower."""
    for entry in budget.entries:
        if (entry.is_encoder or entry.engine == OTHER) and len(budget.entries) > 1:
            rest = tuple(each for each in budget.entries if each is not entry)
            where = "run it on the CPU (slower)" if entry.is_encoder else "run it elsewhere"
            yield _Change(entry.name, "elsewhere", where, replace(budget, entries=rest))


def _one_card_more(budget: Budget) -> Iterator[_Change]:
    last = budget.cards[-1]
    wider = replace(budget, cards=(*budget.cards, last))
    placed = pack(wider).cards[-1].placed
    if placed and all(not entry.gpus for entry in budget.entries):
        names = ", ".join(each.entry.name for each in placed)
        yield _Change(names, "card", f"move to another {last.name}", wider)
