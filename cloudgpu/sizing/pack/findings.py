"""What is wrong with a budget as its author wrote it, each in a sentence with the figures behind it."""

from collections.abc import Iterator
from dataclasses import dataclass

from cloudgpu.base.units import GIB
from cloudgpu.sizing.engines import engine_profile
from cloudgpu.sizing.pack.budget import TRANSFORMERS, Budget, Entry
from cloudgpu.sizing.pack.in_process import PLAIN_BYTES, dtype_of, packed_format
from cloudgpu.sizing.pack.packing import Packing, Placed
from cloudgpu.sizing.pack.settings import remark_on
from cloudgpu.sizing.pack.starts import starts_on

ERROR, WARNING, NOTE = "error", "warning", "note"
WORTH_SAYING_GIB = 0.3
"""Smaller differences between what was stated and what was computed are not worth a sentence."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`error`: it will not run as written. `warning`: a figure or setting is wrong. `note`: good to know."""

    level: str
    about: str
    text: str


def findings_of(packing: Packing) -> list[Finding]:
    """Everything found, errors first, in the order of the budget."""
    found = [*_refusals(packing), *_sums(packing), *_entries(packing), *_settings_of(packing.budget)]
    once = dict.fromkeys(found)  # an entry on two cards is judged on each
    return sorted(once, key=lambda finding: (ERROR, WARNING, NOTE).index(finding.level))


def _refusals(packing: Packing) -> Iterator[Finding]:
    for card in packing.cards:
        for placed in card.placed:
            if placed.demand.refusal:
                yield Finding(ERROR, placed.entry.name, f"cannot run: {placed.demand.refusal}")
        for start in starts_on(card):
            if start.words:
                yield Finding(ERROR, start.name, f"does not start after those before it: {start.words}")


def _sums(packing: Packing) -> Iterator[Finding]:
    budget = packing.budget
    total_gib = sum(card.gpu.total_gib for card in packing.cards)
    used_gib = sum(card.used_gib for card in packing.cards)
    names = " + ".join(card.gpu.name for card in packing.cards)
    spans = [entry.stated_gib for entry in budget.entries if entry.stated_gib]
    spans += [budget.stated_working_gib] if budget.stated_working_gib else []
    if spans:
        low, high = sum(span[0] for span in spans), sum(span[1] for span in spans)
        beyond = (
            ": more than the card" if low > total_gib else ": its upper end does not fit" if high > total_gib else ""
        )
        yield Finding(
            WARNING if beyond else NOTE,
            "",
            f"the stated figures add up to {_range(low, high)} GiB, computed are {used_gib:.1f}; {names} gives "
            f"{total_gib:.1f} GiB{beyond}",
        )
    if budget.stated_total_gib is not None and abs(budget.stated_total_gib - used_gib) > WORTH_SAYING_GIB:
        yield Finding(WARNING, "", f"{budget.stated_total_gib:g} GiB stated in all, {used_gib:.1f} computed")
    if budget.stated_free_gib is not None:
        yield _free(budget.stated_free_gib, packing)
    if budget.stated_working_gib is not None:
        yield _working(budget.stated_working_gib, packing)


def _free(stated_gib: float, packing: Packing) -> Finding:
    servers = [placed for card in packing.cards for placed in card.placed if placed.demand.share is not None]
    free_gib = sum(card.free_gib for card in packing.cards)
    text = f"{stated_gib:g} GiB stated as left for batches, {f'{free_gib:.1f}' if free_gib > 0 else 'none'} computed"
    if servers:
        text += (
            f"; they stay free only if {servers[0].entry.name} is given its share, because a server fills its share "
            "whether it has requests or not"
        )
    return Finding(WARNING, "", text)


def _working(stated: tuple[float, float], packing: Packing) -> Finding:
    placed = [each.demand for card in packing.cards for each in card.placed]
    own_gib = sum(demand.workspace_gib + demand.context_gib for demand in placed)
    return Finding(
        WARNING,
        "",
        f"working memory of {_range(*stated)} GiB apart from the models does not exist: buffers and kernels belong to "
        f"each process, {own_gib:.1f} GiB together, and are counted there",
    )


def _entries(packing: Packing) -> Iterator[Finding]:
    for card in packing.cards:
        for placed in card.placed:
            yield from _stated(placed)
            yield from _name(placed.entry)
            if placed.demand.share is not None:
                yield from _share(placed, card.gpu.total_gib, alone=len(card.placed) == 1)
            if placed.entry.engine == TRANSFORMERS and placed.entry.model is not None:
                yield from _formats(placed)


def _stated(placed: Placed) -> Iterator[Finding]:
    stated, demand = placed.entry.stated_gib, placed.demand
    if stated is None:
        return
    low, high = stated
    off = max(low - demand.used_gib, demand.used_gib - high)
    if off > WORTH_SAYING_GIB:
        parts = [
            ("weights", demand.weights_gib), ("workspace", demand.workspace_gib), ("KV cache", demand.cache_gib),
            ("CUDA context", demand.context_gib), ("margin", demand.margin_gib),
        ]  # fmt: skip
        listed = ", ".join(f"{name} {gib:.1f}" for name, gib in parts if gib >= 0.05)
        text = f"{_range(low, high)} GiB stated, {demand.used_gib:.1f} computed ({listed})"
        yield Finding(WARNING, placed.entry.name, text)


def _name(entry: Entry) -> Iterator[Finding]:
    if entry.model is not None and "/" in entry.typed and entry.typed.lower() != entry.model.model_id.lower():
        text = f"{entry.typed} is not the repository's name: it is {entry.model.model_id}"
        if not entry.model.model_id.endswith(entry.typed.lstrip("./")):
            yield Finding(WARNING, entry.name, text)
    for note in entry.model.notes if entry.model is not None else ():
        yield Finding(WARNING, entry.name, note)


def _share(placed: Placed, total_gib: float, *, alone: bool) -> Iterator[Finding]:
    entry, demand = placed.entry, placed.demand
    default = engine_profile(entry.engine, entry.engine_version).gpu_memory_utilization
    needed_gib = demand.used_gib - demand.margin_gib - demand.context_gib
    if entry.gpu_memory_utilization is None and not alone:
        yield Finding(
            WARNING,
            entry.name,
            f"left to itself {entry.engine} takes {default:g} of the card, {default * total_gib:.1f} GiB, and refuses "
            f"to start beside the others: give it --gpu-memory-utilization {demand.share:.2f}",
        )
    elif entry.gpu_memory_utilization is not None and demand.margin_gib > WORTH_SAYING_GIB + demand.band_gib:
        yield Finding(
            NOTE,
            entry.name,
            f"{entry.gpu_memory_utilization:g} of the card is {entry.gpu_memory_utilization * total_gib:.1f} GiB; its "
            f"context and concurrency need {needed_gib:.1f}",
        )


def _formats(placed: Placed) -> Iterator[Finding]:
    entry, model = placed.entry, placed.entry.model
    assert model is not None
    if entry.sequence > model.max_context:
        text = f"sequences of {entry.sequence:,} tokens, and the model reads {model.max_context:,}"
        yield Finding(ERROR, entry.name, text)
    half_gib = model.architecture.parameters.loaded * PLAIN_BYTES["float16"] / GIB
    saved_gib = half_gib - placed.demand.weights_gib
    if entry.is_encoder and packed_format(entry, model) and saved_gib < WORTH_SAYING_GIB:
        text = f"{packed_format(entry, model)} saves {saved_gib:.2f} GiB against float16 and runs slower: use float16"
        yield Finding(WARNING, entry.name, text)
    elif packed_format(entry, model) is None and dtype_of(entry, model) == "float32":
        text = f"float32 takes {-saved_gib:.1f} GiB more than float16 for the same answers: set dtype: float16"
        yield Finding(NOTE, entry.name, text)


def _settings_of(budget: Budget) -> Iterator[Finding]:
    for name, value in budget.settings.items():
        remark = remark_on(name, value, None)
        if remark:
            yield Finding(WARNING, "", remark)
    for entry in budget.entries:
        for name, value in entry.settings.items():
            remark = remark_on(name, value, entry)
            if remark:
                yield Finding(WARNING, entry.name, remark)


def _range(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"
