"""Estimate against reality: run it to see every table, `--write` to put them into docs/accuracy.md.

    python tests/accuracy/memory.py [--write]

It needs nothing but the package: no network, no card. The observations are tests/accuracy/memory.jsonl.
"""

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median

sys.path.insert(0, str(Path(__file__).parent))

from cross_validation import left_out_errors
from observations import Observation, observations
from tool_errors import TOOLS, refusals, tokens_right, tool_error

from cloudgpu.sizing.cases import estimate_case

PAGE = Path(__file__).parents[2] / "docs/accuracy.md"
START, END = "<!-- memory: written by tests/accuracy/memory.py -->", "<!-- memory: end -->"
CASES, SECONDS = 1000, 2.0
ROUNDED_GIB, ONE_BLOCK = 0.0051, 1e-3
WITHOUT_PEERS = """### Two 24 GB cards that do not reach each other's memory

Qwen3-32B-AWQ with 131,072 tokens (YaRN), an fp8 cache and tensor parallel 2 at 0.95 of two RTX 4090 is called tight,
not a start, on releases that leave CUDA graphs out of the budget (up to 0.20, and 0.25 to 0.32): weights and cache fit
with 4 GiB to spare, but share, graphs (1.4 GiB with vLLM's own all-reduce) and context are 0.5 GiB more than the card
holds under full load. Measured on 2026-11-21 on two H200 with `NCCL_P2P_DISABLE=1` and `disable_custom_all_reduce`:
graphs took 2.54 GiB (1.43 with peer access), and held to 23.6 GiB by another process the start ran out of memory while
capturing them, at 0.95 and at 0.92; with `--max-num-seqs 32` it started at 0.95 (0.53 GiB of graphs). Hopper's kernels
and context are not a 4090's, and no log of a real pair states its graphs, so that this widens the band and is no
verdict. With `--max-num-seqs 32`, at 0.86, or on 0.21 to 0.24 and 0.33, which count graphs inside the budget, it is
called a start."""


def rows() -> list[Observation]:
    """Every observation, those that do not count included."""
    return list(observations())


def weighed(found: Sequence[Observation]) -> list[Observation]:
    """Those whose weights were logged and could be estimated."""
    return [each for each in found if each.counts("weights_gib") and each.error("weights_gib") is not None]


def cached(found: Sequence[Observation]) -> list[Observation]:
    """Starts of vLLM 0.20 or newer with complete fields whose cache was logged."""
    return [
        each
        for each in found
        if each.counts("kv_cache_gib") and each.engine == "vllm" and each.version is not None
        if each.version >= (0, 20) and each.error("kv_cache_gib") is not None
    ]


def cached_before(found: Sequence[Observation]) -> list[Observation]:
    """The others: older releases, releases unknown, other engines; they are shown and set no target."""
    chosen = {each.id for each in cached(found)}
    return [
        each for each in found if each.counts("kv_cache_gib") and each.id not in chosen and each.error("kv_cache_gib")
    ]


def tokens_exact(found: Sequence[Observation]) -> list[tuple[Observation, bool]]:
    """Whether bytes a token are exactly those of the log: from cache GiB and tokens, or from what a length needs."""
    answers = []
    for each in found:
        if each.counts("kv_needed_gib") and each.figure("kv_needed_gib") is not None:
            answers.append((each, abs(each.figure("kv_needed_gib") - each.seen["kv_needed_gib"]) <= ROUNDED_GIB))
        elif _has_tokens(each):
            answers.append((each, _agrees(each)))
    return answers


def judged(found: Sequence[Observation]) -> list[tuple[Observation, bool]]:
    """Whether the verdict is right, for rows whose outcome is known."""
    known = [
        each
        for each in found
        if each.counts("outcome") and each.counts_for_verdict and each.seen["outcome"] in {"started", "refused"}
    ]
    return [(each, each.figure("starts") == (each.seen["outcome"] == "started")) for each in known]


def seconds_for_cases(found: Sequence[Observation]) -> float:
    """Time for 1,000 estimates, of the cases at hand over and over."""
    cases = [each.case for each in found if each.case and each.figure("starts") is not None]
    started = time.process_time()
    for index in range(CASES):
        estimate_case(cases[index % len(cases)])
    return time.process_time() - started


def within(errors: Sequence[float], share: float) -> float:
    """The error that `share` of the rows stay below."""
    ordered = sorted(abs(error) for error in errors)
    return ordered[max(-(-int(len(ordered) * share * 100) // 100) - 1, 0)]


def targets(found: Sequence[Observation]) -> list[tuple[str, str, str, bool]]:
    """(what, target, measured, met) of every target."""
    weights = [each.error("weights_gib") for each in weighed(found)]
    cache = [each.error("kv_cache_gib") for each in cached(found)]
    exact = [right for _, right in tokens_exact(found)]
    verdicts = judged(found)
    wrong = [each for each, right in verdicts if not right and each.seen["outcome"] == "refused"]
    right = mean(right for _, right in verdicts)
    took_s = seconds_for_cases(found)
    return [
        _error_target(f"weights per GPU ({len(weights)} rows)", weights, 0.005, 0.03),
        _error_target(f"KV cache GiB, vLLM from 0.20 ({len(cache)} rows)", cache, 0.02, 0.08),
        (f"KV bytes per token exact ({len(exact)} rows)", "≥ 95 %", f"{mean(exact):.0%}", mean(exact) >= 0.95),
        (
            f"verdict ({len(verdicts)} rows)",
            "≥ 95 %, none refused called a start",
            f"{right:.0%}, {len(wrong)} refused called a start",
            right >= 0.95 and not wrong,
        ),
        (f"{CASES:,} cases on one core", f"≤ {SECONDS:g} s", f"{took_s:.2f} s", took_s <= SECONDS),
    ]


def page(found: Sequence[Observation]) -> str:
    """The memory part of docs/accuracy.md."""
    parts = [_introduction(found), _targets_table(found), _by_groups(found), _tools(found), _validation(found)]
    return "\n\n".join([*parts, WITHOUT_PEERS, _misses(found), _left_out(found)])


def _has_tokens(each: Observation) -> bool:
    if not (
        each.counts("kv_cache_tokens")
        and "kv_cache_gib" in each.seen
        and "kv_tokens" not in each.raw.get("left_out_of", {})
    ):
        return False
    return each.seen["kv_cache_gib"] > 0 and bool(each.figure("kv_cache_tokens"))


def _agrees(each: Observation) -> bool:
    ours = each.figure("kv_cache_gib") / each.figure("kv_cache_tokens")
    theirs = each.seen["kv_cache_gib"] / each.seen["kv_cache_tokens"]
    return abs(ours / theirs - 1) <= ROUNDED_GIB / each.seen["kv_cache_gib"] + ONE_BLOCK


def _error_target(what: str, errors: Sequence[float], middle: float, most: float) -> tuple[str, str, str, bool]:
    found = median(abs(error) for error in errors), within(errors, 0.9)
    target = f"median ≤ {middle:.1%}, 90 % ≤ {most:.0%}"
    return what, target, f"median {found[0]:.2%}, 90 % ≤ {found[1]:.2%}", found[0] <= middle and found[1] <= most


def _introduction(found: Sequence[Observation]) -> str:
    used = [each for each in found if not each.left_out]
    lab = [each for each in used if each.id.startswith("lab-")]
    return (
        "## Memory\n\n"
        f"Written on {datetime.now(UTC):%Y-%m-%d} by `python tests/accuracy/memory.py --write` from "
        f"`tests/accuracy/memory.jsonl`: {len(found)} reports, of which {len(used)} count ({len(lab)} starts measured "
        "by this project with random weights, the others public logs). An error is estimate over log, less one."
    )


def _targets_table(found: Sequence[Observation]) -> str:
    lines = [
        f"| {what} | {target} | {got} | {'met' if met else '**missed**'} |" for what, target, got, met in targets(found)
    ]
    return "\n".join(["### Targets\n", "| what | target | measured | |", "|---|---|---|---|", *lines])


def _by_groups(found: Sequence[Observation]) -> str:
    views: list[tuple[str, Callable[[Observation], str]]] = [
        ("model family", lambda each: each.family),
        ("format", lambda each: each.quantization),
        ("card", lambda each: each.card),
        ("engine release", lambda each: each.release_text),
    ]
    return "\n\n".join(_group_table(name, key, found) for name, key in views)


def _group_table(name: str, key: Callable[[Observation], str], found: Sequence[Observation]) -> str:
    weights, cache = weighed(found), cached(found)
    names = sorted({key(each) for each in (*weights, *cache)})
    head = f"| {name} | weights: rows | median | worst | KV cache: rows | median | worst |"
    lines = [
        "| "
        + " | ".join([each, *_spread(weights, "weights_gib", key, each), *_spread(cache, "kv_cache_gib", key, each)])
        + " |"
        for each in names
    ]
    return "\n".join([f"### By {name}\n", head, "|---|---|---|---|---|---|---|", *lines])


def _spread(
    found: Sequence[Observation], figure: str, key: Callable[[Observation], str], name: str
) -> tuple[str, str, str]:
    errors = [each.error(figure) for each in found if key(each) == name]
    if not errors:
        return "0", "", ""
    return str(len(errors)), f"{median(map(abs, errors)):.2%}", f"{max(errors, key=abs):+.1%}"


def _tools(found: Sequence[Observation]) -> str:
    """The tools' own answers, each beside what cloudgpu answers for the very rows that the tool could answer."""
    lines = [f"| cloudgpu | {_row('weights_gib', found, None)} | {_row('kv_cache_gib', found, None)} |"]
    for tool, shown in TOOLS.items():
        lines.append(f"| {shown} | {_row('weights_gib', found, tool)} | {_row('kv_cache_gib', found, tool)} |")
        ours = [_row(figure, found, None, only_for=tool) for figure in ("weights_gib", "kv_cache_gib")]
        lines.append(f"| *cloudgpu on those rows* | {ours[0]} | {ours[1]} |")
    told = [right for each in found if (right := tokens_right("hf-mem", each)) is not None]
    silent = [
        f"- {TOOLS[tool]}, {count} rows: {reason}"
        for tool in ("hf-mem", "accelerate", "aiconfigurator")
        for reason, count in sorted(refusals(tool).items())
    ]
    return "\n".join(
        [
            "### Other tools on the same rows\n",
            "hf-mem, accelerate and aiconfigurator answered themselves (`python tests/accuracy/other_tools.py --write` "
            "runs each in an environment of its own; the answers are kept in `other_tools.jsonl`). They read the "
            "config and, for hf-mem, a safetensors header with the tensors that transformers builds; rows whose config "
            "or file layout is not carried here (GGUF, bitsandbytes, NVFP4, Gemma 3 and 4, Llama 4 and others) were "
            "asked of none of them. KAITO is no program that can be asked: that line is its published formula. "
            "hf-mem and accelerate know no engine: their weights are divided by the GPUs, and they name no cache size. "
            "aiconfigurator is given the card's real memory and the logged step, which is kinder than its defaults.\n",
            "| tool | weights: rows | median | 90 % ≤ | KV cache: rows | median | 90 % ≤ |",
            "|---|---|---|---|---|---|---|",
            *lines,
            f"\nhf-mem's bytes a token are right (within 1 %) on {sum(told)} of {len(told)} rows.",
            "\nWhere a tool was asked and could not answer, in its own words:\n",
            *silent,
        ]
    )


def _row(figure: str, found: Sequence[Observation], tool: str | None, only_for: str | None = None) -> str:
    chosen = weighed(found) if figure == "weights_gib" else cached(found)
    chosen = [each for each in chosen if only_for is None or tool_error(only_for, figure, each) is not None]
    errors = [each.error(figure) if tool is None else tool_error(tool, figure, each) for each in chosen]
    answered = [error for error in errors if error is not None]
    if not answered:
        return "0 | | "
    return f"{len(answered)} | {median(map(abs, answered)):.2%} | {within(answered, 0.9):.1%}"


def _validation(found: Sequence[Observation]) -> str:
    lines = [
        f"| {family} | {len(errors)} | {median(map(abs, errors)):.2%} | {max(errors, key=abs):+.1%} |"
        for family, errors in left_out_errors(cached(found)).items()
    ]
    return "\n".join(
        [
            "### Cross-validation\n",
            "Weights and bytes a token rest on no fitted constant. What is fitted (rows of hidden and feed-forward "
            "width, bytes a logit, memory outside torch) is fitted anew without each family, and the family's "
            "KV cache is then estimated:\n",
            "| family left out | rows | median | worst |",
            "|---|---|---|---|",
            *lines,
        ]
    )


def _misses(found: Sequence[Observation]) -> str:
    lines = [
        f"- `{each.id}` {each.title}: weights {each.error('weights_gib'):+.1%}. {each.why}"
        for each in weighed(found)
        if abs(each.error("weights_gib")) > 0.01
    ]
    lines += [
        f"- `{each.id}` {each.title}: KV cache {each.error('kv_cache_gib'):+.1%}. {each.why}"
        for each in cached(found)
        if abs(each.error("kv_cache_gib")) > 0.025
    ]
    lines += [
        f"- `{each.id}` {each.title}: bytes a token differ. {each.why}"
        for each, right in tokens_exact(found)
        if not right
    ]
    lines += [
        f"- `{each.id}` {each.title}: {each.seen['outcome']}, not so here. {each.why}"
        for each, right in judged(found)
        if not right
    ]
    lines += [
        f"- `{each.id}` {each.title} (no target): KV cache {each.error('kv_cache_gib'):+.1%}. {each.why}"
        for each in cached_before(found)
        if abs(each.error("kv_cache_gib")) > 0.05
    ]
    return "\n".join(
        ["### Misses, with their reason\n", "Weights off by more than 1 %, caches by more than 2.5 %:\n", *lines]
    )


def _left_out(found: Sequence[Observation]) -> str:
    lines = [f"- `{each.id}` {each.title}: {each.left_out}" for each in found if each.left_out]
    parts = [
        f"- `{each.id}` {each.title}: no {figure.replace('_', ' ')}: {reason}"
        for each in found
        if not each.left_out
        for figure, reason in each.raw.get("left_out_of", {}).items()
    ]
    return "\n".join(["### Left out, with their reason\n", *lines, *parts])


def write(text: str) -> None:
    """Put the memory part into the page, whatever else the page holds."""
    before, after = "# Accuracy\n\n", "\n"
    if PAGE.exists():
        whole = PAGE.read_text(encoding="utf-8")
        before, _, rest = whole.partition(START)
        after = rest.partition(END)[2] or "\n"
        before = before if before.endswith("\n") else before + "\n\n"
    PAGE.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    everything = rows()
    text = page(everything)
    if "--write" in sys.argv:
        write(text)
    print(text)
