"""Whether the engine's parser takes the command line at all: V01 to V04, V43, V45, V46."""

import difflib
from collections.abc import Iterator

from cloudgpu.serving.lint.arguments import Argument
from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.other_engines import OF_OTHER_ENGINES
from cloudgpu.serving.lint.reading.variables import UNKNOWN
from cloudgpu.serving.lint.releases.flag_table import (
    BOOLEANS,
    NEWEST,
    Presence,
    canonical,
    completions,
    flags,
    gone_since,
    presence,
    release_of,
    short_form_since,
)
from cloudgpu.serving.lint.rope import stretched
from cloudgpu.serving.lint.rule import rule
from cloudgpu.serving.lint.rules.entrypoint import DEMONSTRATION, starts_by_module

_PARSERS = "argument parsers of vLLM 0.6.6 to 0.33.0"
_INSTEAD = {
    "--enable-reasoning": "drop it: --reasoning-parser alone turns reasoning on",
    "--rope-scaling": "put it into --hf-overrides",
    "--rope-theta": "put rope_theta into --hf-overrides",
    "--swap-space": "drop it: it has had no effect since the V1 engine",
    "--task": "use --runner and --convert",
    "--guided-decoding-backend": "use --structured-outputs-config",
    "--device": "drop it: the platform is found by itself",
    "--max-seq-len-to-capture": "drop it",
    "--cuda-graph-sizes": "use --cudagraph-capture-sizes",
    "--num-scheduler-steps": "drop it: the V1 engine has no multi-step scheduling",
    "--speculative-model": "put it into --speculative-config, as its `model`",
    "--num-speculative-tokens": "put it into --speculative-config, as its `num_speculative_tokens`",
    "--use-v2-block-manager": "drop it: it is the only one",
    "--calculate-kv-scales": "drop it: use a checkpoint that carries its scales",
    "--disable-log-requests": "drop it: requests are not logged unless --enable-log-requests",
}
_RENAMED = {"--cuda-graph-sizes": "--cudagraph-capture-sizes"}
_EMBEDDING = (Edit(flag="--task"), Edit(flag="--runner", value="pooling"), Edit(flag="--convert", value="embed"))
_LEFT_TO_PEOPLE = {
    "--rope-theta", "--task", "--guided-decoding-backend", "--speculative-model", "--num-speculative-tokens",
}  # fmt: skip
_OF_OMNI = "--omni"
"""vLLM-Omni is a plugin with flags of its own, which this one turns on. The official image has no plugin."""


@rule("V01", Severity.ERROR, "flag that this release no longer has", versions="by flag", source=_PARSERS)
def removed_flag(case: Case) -> Iterator[Hit]:
    """A flag that was removed: the parser ends with "unrecognized arguments"."""
    for each in case.args.flags:
        if each.flag == "--disable-log-requests" or presence(each.flag, case.release) is not Presence.REMOVED:
            continue
        instead = _INSTEAD.get(each.flag, "drop it")
        new = _RENAMED.get(each.flag)
        edits: tuple[Edit, ...] = (Edit(flag=each.flag, rename=new, value=each.value if new else None),)
        if each.flag == "--rope-scaling":
            edits = stretched(case)
        if each.flag in _LEFT_TO_PEOPLE:
            edits = _EMBEDDING if each.flag == "--task" and each.value in ("embed", "embedding") else ()
        yield Hit(
            message=f"{each.written} is gone since vLLM {gone_since(each.flag)}{_against(case)}",
            fix=instead, at=each.at, edits=edits,
        )  # fmt: skip


@rule("V02", Severity.ERROR, "flag that this release does not have yet", versions="by flag", source=_PARSERS)
def future_flag(case: Case) -> Iterator[Hit]:
    """A flag of a later release."""
    for each in case.args.flags:
        if presence(each.flag, case.release) is Presence.NOT_YET:
            first = flags()[each.flag].first
            yield Hit(
                message=f"{each.written} exists since about vLLM {first}, not in {case.version}",
                fix=f"use an image of {first} or later", at=each.at,
            )  # fmt: skip
        elif first_short := short_form_since(each.written, case.release):
            yield Hit(
                message=f"the short form {each.written} exists since about vLLM {first_short}, not in {case.version}",
                fix=f"write {each.flag}", at=each.at,
            )  # fmt: skip


@rule("V03", Severity.ERROR, "comment inside a block that becomes arguments", source="PyYAML and Docker Compose")
def comment_in_block(case: Case) -> Iterator[Hit]:
    """Inside `command: >` or `|` a # begins no comment: the words behind it reach the parser."""
    if case.args.comments:
        first = case.args.comments[0]
        yield Hit(
            message=f"`{first.text} …` stands inside the command's text block: it is no comment, it becomes arguments",
            fix="move comments above the block, or write the command as a list", at=first.at,
            edits=(Edit(flag="#"),),
        )  # fmt: skip


@rule("V04", Severity.ERROR, "switch followed by a value", versions=">= 0.9", source=_PARSERS)
def switch_with_value(case: Case) -> Iterator[Hit]:
    """`--enable-prefix-caching True` leaves a stray `True` that the parser refuses."""
    for each in case.args.flags:
        seen = each.flag in BOOLEANS and each.values and UNKNOWN not in each.values[0]
        if seen and case.release >= (0, 9):
            off = each.values[0].lower() in ("false", "0", "no")
            yield Hit(
                message=f"{each.written} is a switch and takes no value, but `{each.values[0]}` follows it",
                fix=f"write --no-{each.flag[2:]}" if off else f"write {each.flag} alone", at=each.at,
                edits=(Edit(flag=each.flag, rename=f"--no-{each.flag[2:]}" if off else None, bare=True),),
                severity=Severity.WARNING if _swallows_one(case) else None,
            )  # fmt: skip


@rule("V43", Severity.WARNING, "--disable-log-requests comes and goes", versions="0.17 to 0.32", source=_PARSERS)
def log_requests(case: Case) -> Iterator[Hit]:
    """Deprecated, gone, and back: 0.17 to 0.32 do not know it."""
    found = case.args.get("--disable-log-requests")
    if found and found.written.startswith("--disable") and release_of("0.17.1") <= case.release < (0, 33):
        yield Hit(
            message=f"vLLM {case.version} has no --disable-log-requests: requests are not logged by default",
            fix="drop it", at=found.at, edits=(Edit(flag=found.flag),), severity=Severity.ERROR,
        )  # fmt: skip


@rule("V45", Severity.ERROR, "flag that no release has", source=_PARSERS)
def unknown_flag(case: Case) -> Iterator[Hit]:
    """Neither a flag, nor the beginning of exactly one. Releases after the newest sample may have brought it."""
    for each in case.args.flags:
        if presence(each.flag, case.release) is not Presence.UNKNOWN or UNKNOWN in each.written or " " in each.written:
            continue
        if case.args.module == DEMONSTRATION and each.flag == "--log-level":
            continue
        if case.args.get(_OF_OMNI) and not case.is_official:
            yield from _of_a_plugin(each)
            continue
        ours = case.service.image is None or case.is_official
        certain = case.release <= release_of(NEWEST) and ours
        single = " (a long flag has two dashes)" if not each.flag.startswith("--") else ""
        engine, instead = OF_OTHER_ENGINES.get(each.flag, (None, None))
        yield Hit(
            message=f"no release of vLLM up to {NEWEST} was seen to have {each.written}{single}"
            + (f": it is {engine}'s" if engine else ""),
            fix=f"write {instead}" if instead else _nearest(each.flag, case), at=each.at,
            severity=None if certain else Severity.WARNING,
        )  # fmt: skip


def _nearest(flag: str, case: Case) -> str:
    near = difflib.get_close_matches(flag, completions("--", case.release), 1, 0.75)
    return f"did you mean {near[0]}?" if near else "is it a flag of another engine, or misspelt?"


def _of_a_plugin(argument: Argument) -> Iterator[Hit]:
    if argument.flag == _OF_OMNI:
        yield Hit(
            message="--omni is vLLM-Omni's: without that plugin of the same release vLLM refuses it", at=argument.at,
            severity=Severity.WARNING,
        )  # fmt: skip


@rule("V46", Severity.ERROR, "word that belongs to no flag", source=_PARSERS)
def stray_word(case: Case) -> Iterator[Hit]:
    """A word between flags: a second value, or a flag and its value in one item of a list."""
    broken = [word for word in case.args.strays if word.text.startswith("\n")]
    if broken:
        yield Hit(
            message="a backslash ends no line for Compose: the line break becomes part of the next word, and "
            f"`{broken[0].text.strip()}` is refused",
            fix="drop the backslashes: a block's lines are one command", at=case.service.at("command"),
        )  # fmt: skip
        return
    for word in case.args.strays:
        yield Hit(
            message=f"`{word.text}` belongs to no flag: the parser refuses it",
            fix="is a flag missing before it, or are quotes missing around it?", at=word.at,
            severity=Severity.WARNING if _swallows_one(case) else None,
        )  # fmt: skip
    for each in case.args.flags:
        if " " in each.written:
            yield Hit(
                message=f"`{each.written}` is one word: a flag and its value must be two items of the list",
                fix="split the item in two, or write --flag=value", at=each.at, edits=_in_two(each),
                severity=Severity.WARNING if _swallows_one(case) else None,
            )  # fmt: skip


def _in_two(argument: Argument) -> tuple[Edit, ...]:
    """The edit for one flag and its one value; none where more, or something else, stands in the item."""
    name, _, value = argument.written.partition(" ")
    if canonical(name) not in flags() or argument.joined or argument.values or not value or " " in value:
        return ()
    return (Edit(flag=argument.flag, rename=name, value=value),)


def _against(case: Case) -> str:
    if case.is_known:
        return f" (checked against {case.version})"
    unnamed = "the image names no release" if case.service.image else "no release is named"
    return f"; {unnamed}: {case.version} taken"


def _swallows_one(case: Case) -> bool:
    """Whether one word too many is taken for the positional model that the module ignores."""
    values = [each for each in case.args.flags if " " in each.written or (each.flag in BOOLEANS and each.values)]
    too_many = len(values) + len(case.args.strays)
    return starts_by_module(case) and case.release >= (0, 9) and case.args.model is None and too_many == 1
