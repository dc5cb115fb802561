"""Values that must be JSON, and what must stand in it: V05, V07, V62, V63, V71."""

import json
import re
from collections.abc import Iterator

from cloudgpu.serving.lint.arguments import Argument
from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.releases.config_keys import flags_with_keys, refused_keys
from cloudgpu.serving.lint.releases.flag_table import NEWEST, Presence, presence, release_of
from cloudgpu.serving.lint.rule import rule

_PARSERS = "argument parsers of vLLM 0.6.6 to 0.33.0"
_JSON_FLAGS = {
    "--hf-overrides", "--limit-mm-per-prompt", "--mm-processor-kwargs", "--speculative-config", "--compilation-config",
    "--override-generation-config", "--rope-scaling", "--kv-transfer-config", "--structured-outputs-config",
    "--override-pooler-config", "--additional-config", "--default-chat-template-kwargs", "--media-io-kwargs",
}  # fmt: skip
_OBJECTS_SINCE = {"--compilation-config": (0, 11, 0)}
"""Flags of which a bare number, the level of older releases, is refused since. Source: vector-inference issue 157."""

_NGRAM_ASKED_FROM = (0, 14, 1)
"""The first release that was asked for n-gram speculation; all that were, up to the newest, want its length."""

_RENAMED_KEYS = {"level": "mode"}
_EXAMPLE_LIMIT = '{"image": 3}'


@rule("V05", Severity.ERROR, "--limit-mm-per-prompt that is no JSON", versions=">= 0.10", source=_PARSERS)
def image_limit_form(case: Case) -> Iterator[Hit]:
    """`image=3` was the form until 0.9.2; since 0.10 it is JSON. `image:3` was never right."""
    found = case.args.get("--limit-mm-per-prompt")
    if found is None or found.dotted or found.value is None or found.value.startswith("{") or _is_json(found.value):
        return  # what begins like JSON and is none is V07's
    wanted = _limits(found.value)
    if case.release < (0, 10) and ":" not in found.value:
        return
    edits = (Edit(flag=found.flag, value=wanted),) if wanted else ()
    yield Hit(
        message=f"--limit-mm-per-prompt {found.value} is not of the form that vLLM {case.version} reads",
        fix=f"write --limit-mm-per-prompt '{wanted or _EXAMPLE_LIMIT}'", at=found.at, edits=edits,
    )  # fmt: skip


@rule("V07", Severity.ERROR, "JSON that does not survive the shell", source=_PARSERS)
def broken_json(case: Case) -> Iterator[Hit]:
    """Quotes that were lost on the way: what reaches the parser is no JSON."""
    for each in case.args.flags:
        value = each.value
        if each.flag not in _JSON_FLAGS or each.dotted or value is None:
            continue
        if value.isdigit() and _wants_object(case, each):
            yield Hit(
                message=f"{each.written} {value}: since vLLM 0.11 it takes an object, and a bare number is refused",
                fix=f"write -O{value}", at=each.at,
            )  # fmt: skip
            continue
        if _is_json(value):
            continue
        if value.lstrip().startswith(("{", "[")) or _reads_json_alone(case, each):
            yield Hit(
                message=f"{each.flag} {value} is no JSON once the shell has split it (were its quotes lost?)",
                fix="put the JSON in single quotes, its strings in double quotes", at=each.at,
            )  # fmt: skip


@rule("V62", Severity.ERROR, "KV connector without a role", versions=">= 0.11", source="vLLM's config validation")
def connector_without_role(case: Case) -> Iterator[Hit]:
    """The engine wants `kv_role` beside `kv_connector`."""
    transfer = case.args.json("--kv-transfer-config")
    if isinstance(transfer, dict) and transfer.get("kv_connector") and not transfer.get("kv_role"):
        yield Hit(
            message="--kv-transfer-config names a kv_connector and no kv_role: the parser refuses it",
            fix='add "kv_role": "kv_both" (or kv_producer, kv_consumer)', at=case.at("--kv-transfer-config"),
        )  # fmt: skip


@rule("V71", Severity.ERROR, "n-gram speculation without its number of tokens", versions="0.14.1 to 0.33.0",
      source="config validation of vLLM 0.14.1, 0.18.1, 0.25.1 and 0.33.0")  # fmt: skip
def speculation_without_length(case: Case) -> Iterator[Hit]:
    """Other methods may find the number in their draft model."""
    wanted = case.args.json("--speculative-config")
    is_asked = _NGRAM_ASKED_FROM <= case.release <= release_of(NEWEST)
    is_ngram = isinstance(wanted, dict) and wanted.get("method") == "ngram"
    if is_asked and is_ngram and wanted.get("num_speculative_tokens") is None and not case.args.get("--spec-tokens"):
        yield Hit(
            message="--speculative-config asks for n-grams and names no num_speculative_tokens: vLLM refuses it",
            fix='add "num_speculative_tokens": 3, or another number', at=case.at("--speculative-config"),
            severity=None if case.is_known else Severity.WARNING,
        )  # fmt: skip


@rule("V63", Severity.ERROR, "key that a JSON flag of this release does not have", versions="by key, >= 0.14.1",
      source="config classes of vLLM 0.11.0 to 0.33.0")  # fmt: skip
def foreign_key(case: Case) -> Iterator[Hit]:
    """Since 0.16 (0.14.1: how it compiles) a configuration refuses what it does not know; earlier ones passed over."""
    for flag in sorted(flags_with_keys()):
        written = case.args.json(flag)
        for key in refused_keys(flag, written, case.release) if isinstance(written, dict) else ():
            new = _RENAMED_KEYS.get(key)
            yield Hit(
                message=f"{flag} of vLLM {case.version} refuses the key {key}",
                fix=f"write {new}" if new else f"drop {key}", at=case.at(flag),
            )  # fmt: skip


def _wants_object(case: Case, argument: Argument) -> bool:
    """`-O 3` is a level of its own."""
    since = _OBJECTS_SINCE.get(argument.flag)
    return since is not None and case.release >= since and not argument.written.startswith("-O")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _reads_json_alone(case: Case, argument: Argument) -> bool:
    """Whether a plain word is refused too. Of the limits V05 knows the older form; what is gone is V01's."""
    present = presence(argument.flag, case.release) is Presence.PRESENT
    return present and argument.flag != "--limit-mm-per-prompt" and not (argument.value or "").startswith("$")


def _limits(text: str) -> str | None:
    """`image:3,video:0` or `image=3` as JSON; None for what is neither."""
    pairs = re.findall(r"(\w+)\s*[=:]\s*(\d+)", text)
    return json.dumps({name: int(count) for name, count in pairs}) if pairs else None
