"""Whether a flag has a value, and one that it takes: V06, V64 to V66."""

from collections.abc import Iterator

from cloudgpu.serving.lint.arguments import Argument
from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.releases.flag_choices import flags_with_choices, refuses_word
from cloudgpu.serving.lint.releases.flag_numbers import flag_numbers
from cloudgpu.serving.lint.releases.flag_table import BOOLEANS, NEWEST, Presence, presence, release_of
from cloudgpu.serving.lint.rule import rule

_PARSERS = "argument parsers of vLLM 0.6.6 to 0.33.0"
_CHOICES = {
    "--mm-encoder-tp-mode": ({"weights", "data"}, "0.10.2"),
    "--dtype": ({"auto", "half", "float16", "bfloat16", "float", "float32"}, "0.6.6"),
    "--max-lora-rank": ({"1", "8", "16", "32", "64", "128", "256", "320", "512"}, "0.11.0"),
    "--runner": ({"auto", "draft", "generate", "pooling"}, "0.11.0"),
    "--convert": ({"auto", "classify", "embed", "mm_encoder_only", "none", "reward"}, "0.11.0"),
    "--scheduling-policy": ({"fcfs", "priority"}, "0.11.0"),
    "--chat-template-content-format": ({"auto", "openai", "string"}, "0.11.0"),
    "--uvicorn-log-level": ({"critical", "debug", "error", "info", "trace", "warning"}, "0.11.0"),
}
_CACHE_TYPES = {
    "auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc", "fp8_ds_mla", "nvfp4_ds_mla", "nvfp4",
    "nvfp4_4over6", "turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc", "octave_k3v4",
    "octave_k3v3", "octave_k3v3_compact", "ultraquant_4bit", "int4_per_token_head", "int8_per_token_head",
    "fp8_per_token_head",
}  # fmt: skip
"""Those of all releases together."""

_RANK_CHOSEN_SINCE = (0, 12)
"""From here on the parser refuses a rank; before, the configuration of adapters that are enabled."""
_LENGTH_FOUND_SINCE = (0, 14)
_LEAST_PERCENT = 10
_WITH_OR_WITHOUT = {"--hf-token", "--help"}
"""Flags that stand alone as well as with a value."""


@rule("V06", Severity.ERROR, "value that the flag does not have", versions="by flag", source=_PARSERS)
def value_out_of_choices(case: Case) -> Iterator[Hit]:
    """A word outside a flag's choices."""
    for flag, (choices, since) in _CHOICES.items():
        value = case.args.value(flag)
        if flag == "--max-lora-rank" and case.release < _RANK_CHOSEN_SINCE and not case.args.has("--enable-lora"):
            continue  # nothing reads it then
        if value is not None and value not in choices and case.release >= release_of(since):
            yield Hit(
                message=f"{flag} {value}: there is only {', '.join(sorted(choices))}",
                fix="choose one of them, or leave the flag out", at=case.at(flag),
                edits=(Edit(flag=flag, value=_nearest_rank(value) if flag == "--max-lora-rank" else None),),
                severity=_unless_it_may_be_known(case),
            )  # fmt: skip
    if case.args.value("--max-model-len") == "auto" and case.release < _LENGTH_FOUND_SINCE:
        yield Hit(
            message=f"--max-model-len auto exists since vLLM 0.14, not in {case.version}", fix="name a length",
            at=case.at("--max-model-len"),
        )  # fmt: skip
    cache = case.args.value("--kv-cache-dtype")
    if cache is not None and cache not in _CACHE_TYPES:
        yield Hit(
            message=f"--kv-cache-dtype {cache} is no KV cache type of vLLM", fix="use fp8, or leave it out (auto)",
            at=case.at("--kv-cache-dtype"), edits=(Edit(flag="--kv-cache-dtype", value="auto"),),
            severity=_unless_it_may_be_known(case),
        )  # fmt: skip
    yield from _not_in_this_release(case)


@rule("V64", Severity.ERROR, "value that is no number", source="argument parsers of vLLM 0.14.1 to 0.33.0")
def no_number(case: Case) -> Iterator[Hit]:
    """The parser ends with "invalid int value"."""
    for each in case.args.flags:
        wanted = flag_numbers().get(each.flag)
        filled_later = (each.value or "").startswith(("$", "{"))
        if wanted and each.value is not None and not filled_later and not wanted.reads(each.value):
            yield Hit(
                message=f"{each.written} {each.value}: it takes {wanted.wanted}", fix="write a number, or leave it out",
                at=each.at,
            )  # fmt: skip


@rule("V65", Severity.ERROR, "flag without its value", source="argparse: expected one argument")
def missing_value(case: Case) -> Iterator[Hit]:
    """The next flag, or the end, stands where the value should."""
    for each in case.args.flags:
        if not each.values and not each.dotted and _wants_value(case, each):
            yield Hit(message=f"{each.written} has no value", fix="write one behind it, or drop the flag", at=each.at)


@rule("V66", Severity.ERROR, "number that the flag does not take", versions=">= 0.14",
      source="config validation of vLLM 0.14.1 to 0.33.0")  # fmt: skip
def number_out_of_bounds(case: Case) -> Iterator[Hit]:
    """Shares beyond the whole, sizes of none."""
    for flag, wanted in flag_numbers().items():
        number = case.args.number(flag)
        if number is not None and not wanted.is_within(number):
            yield Hit(
                message=f"{flag} {case.args.value(flag)}: it must be {wanted.bounds}",
                fix=_share(flag, number) or "choose another, or leave it out", at=case.at(flag),
                severity=None if wanted.is_bounded_in(case.release) else Severity.WARNING,
            )  # fmt: skip


def _not_in_this_release(case: Case) -> Iterator[Hit]:
    """Words that other releases take."""
    for flag in flags_with_choices():
        value = case.args.value(flag)
        if value is None or not refuses_word(flag, value, case.release) or _is_told_anyway(flag, value):
            continue
        yield Hit(
            message=f"{flag} {value}: vLLM {case.version} does not know it",
            fix="choose one that it has, or leave the flag out", at=case.at(flag),
            severity=_unless_it_may_be_known(case) if case.is_known else Severity.WARNING,
        )  # fmt: skip


def _is_told_anyway(flag: str, value: str) -> bool:
    """Whether it is a word of no release, of which V06 has spoken."""
    known = _CACHE_TYPES if flag == "--kv-cache-dtype" else _CHOICES.get(flag, ({value}, ""))[0]
    return value not in known


def _share(flag: str, number: float) -> str | None:
    """Percent, where a share is wanted."""
    return f"write {number / 100:g}" if flag == "--gpu-memory-utilization" and _LEAST_PERCENT <= number <= 100 else None


def _wants_value(case: Case, argument: Argument) -> bool:
    alone = argument.flag in BOOLEANS | _WITH_OR_WITHOUT or argument.written.startswith(("-O", "--no-"))
    return not alone and presence(argument.flag, case.release) is Presence.PRESENT


def _unless_it_may_be_known(case: Case) -> Severity | None:
    """Forks and later releases may know more words."""
    ours = case.service.image is None or case.is_official
    return None if ours and case.release <= release_of(NEWEST) else Severity.WARNING


def _nearest_rank(value: str) -> str:
    ranks = (8, 16, 32, 64, 128, 256, 320, 512)
    wanted = int(value) if value.isdigit() else 16
    return str(next((rank for rank in ranks if rank >= wanted), 512))
