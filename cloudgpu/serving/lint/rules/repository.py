"""What only the repository itself tells: V55 to V60. Silent unless the Hub was asked."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.hub_facts import HubFacts
from cloudgpu.serving.lint.releases.architectures import first_seen, last_release
from cloudgpu.serving.lint.releases.flag_table import NEWEST, release_of
from cloudgpu.serving.lint.rule import rule

_PEFT = "vLLM source: its reading of adapter_config.json"
_DEFAULT_RANK = 16
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
_HEADS = {"classifier", "score"}
_OLDEST = release_of("0.11.0")


@rule("V55", Severity.ERROR, "adapter whose rank is above --max-lora-rank", source=_PEFT)
def rank_too_high(case: Case) -> Iterator[Hit]:
    """An adapter that is named at the start ends it when its rank does not fit the slot."""
    limit = case.args.count("--max-lora-rank") or _DEFAULT_RANK
    for name, facts in _adapters(case):
        rank = facts.rank
        if rank is not None and rank > limit:
            slot = next((each for each in _RANKS if each >= rank), None)
            yield Hit(
                message=f"the adapter {name} has rank {rank}, and --max-lora-rank is {limit}: the start ends",
                fix=f"set --max-lora-rank {slot}" if slot else "no release of vLLM takes such a rank",
                at=case.at("--lora-modules"),
                edits=(Edit(flag="--max-lora-rank", value=str(slot)),) if slot else (),
            )  # fmt: skip


@rule("V56", Severity.ERROR, "adapter of a kind that the engine does not serve", source=_PEFT)
def unsupported_adapter(case: Case) -> Iterator[Hit]:
    """DoRA, and whole modules saved beside the adapter."""
    for name, facts in _adapters(case):
        saved = facts.saved_modules - (_HEADS if case.release > _OLDEST else set())
        is_dora = facts.adapter.get("use_dora") is True
        why = "is a DoRA" if is_dora else f"brings whole modules ({', '.join(sorted(saved))})"
        if is_dora or saved:
            yield Hit(
                message=f"the adapter {name} {why}, which vLLM does not serve", at=case.at("--lora-modules"),
                fix="merge it into the model, or serve it under transformers: cloudgpu template show transformers-lora",
            )  # fmt: skip


@rule("V57", Severity.WARNING, "adapter of another base model", source="PEFT: base_model_name_or_path")
def foreign_adapter(case: Case) -> Iterator[Hit]:
    """It may load, and talk nonsense. A quantised copy of the base is the base."""
    for name, facts in _adapters(case):
        if facts.base and case.model_name and not _is_same(facts.base, case):
            yield Hit(message=f"the adapter {name} was made for {facts.base}, not for {case.model_name}",
                      fix="serve the base that it names", at=case.at("--lora-modules"))  # fmt: skip


@rule("V58", Severity.WARNING, "repository that the Hub does not show", source="the Hub's own answer")
def missing_repository(case: Case) -> Iterator[Hit]:
    """Misspelt, or private: then the container needs a token that may read it."""
    token = any(name.startswith(("HF_TOKEN", "HUGGING_FACE")) for name in case.service.environment)
    for name, facts in case.repositories.items():
        if facts.missing and name in (case.model_name, *(path for _, path in case.adapters)):
            yield Hit(
                message=f"the Hub has no repository {name} for everybody"
                + ("" if token else ", and no HF_TOKEN reaches the server: the download is refused"),
                fix="check the name (of an adapter: or is it a folder?); a private one needs HF_TOKEN",
                at=case.at("--model"),
                severity=None if token or case.service.has_env_file or name != case.model_name else Severity.ERROR,
            )  # fmt: skip


@rule("V59", Severity.WARNING, "checkpoint without a chat template", source="transformers 4.44: no default template")
def template_missing(case: Case) -> Iterator[Hit]:
    """/v1/chat/completions answers 400 until --chat-template names one."""
    facts = case.repositories.get(case.model_name or "")
    told = any(case.args.get(flag) for flag in ("--chat-template", "--runner", "--task", "--convert"))
    if facts and facts.has_chat_template is False and not told and not (case.model and case.model.is_encoder):
        yield Hit(message=f"{case.model_name} brings no chat template: chat requests are refused",
                  fix="serve the instruct model, or add --chat-template", at=case.at("--model"))  # fmt: skip


@rule("V60", Severity.ERROR, "architecture that this release does not know", versions="by architecture",
      source="model registries of vLLM 0.11.0, 0.25.1 and 0.33.0")  # fmt: skip
def unknown_architecture(case: Case) -> Iterator[Hit]:
    """Newer than the engine, or dropped since. What transformers serve in its stead nobody can see: a warning then."""
    facts = case.repositories.get(case.model_name or "")
    name = facts.architecture if facts else None
    if name is None:
        return
    last, first = last_release(name), first_seen(name)
    if last and case.release > release_of(last):
        yield Hit(message=f"{name} left vLLM after {last}; {case.version} refuses it",
                  fix=f"use an image of {last}, or another model", at=case.at("--model"))  # fmt: skip
    elif (first is None and case.release <= release_of(NEWEST)) or (first and _is_before(case, first)):
        known = f"is in vLLM's registry since about {first}" if first else f"is in no registry up to {NEWEST}"
        yield Hit(
            message=f"{name} {known}, not in that of {case.version}: unless transformers serve it, it is refused",
            fix="use a later image", at=case.at("--model"), severity=Severity.WARNING,
        )  # fmt: skip


def _adapters(case: Case) -> Iterator[tuple[str, HubFacts]]:
    for name, path in case.adapters:
        if path in case.repositories:
            yield name, case.repositories[path]


def _is_before(case: Case, first: str) -> bool:
    """Between two registries that were read nothing is known: only at or before the one that lacks it."""
    lacking = {"0.25.1": "0.11.0", "0.33.0": "0.25.1"}.get(first)
    return lacking is not None and case.release <= release_of(lacking)


def _is_same(base: str, case: Case) -> bool:
    """`Qwen/Qwen2.5-14B-Instruct` is also the base of `-AWQ`, of `unsloth/…-bnb-4bit` and of a mirror of the name."""
    mine = {case.model_name or "", (case.model.base_id or "") if case.model else ""}
    return any(_stem(base) == _stem(each) for each in mine if each)


def _stem(name: str) -> str:
    stem = name.rpartition("/")[2].lower()
    for ending in ("-awq", "-gptq-int4", "-gptq-int8", "-gptq", "-fp8", "-unsloth-bnb-4bit", "-bnb-4bit", "-4bit"):
        stem = stem.removesuffix(ending)
    return stem
