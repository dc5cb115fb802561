"""What is asked of a release: command lines that we write, commands that lint judges, profiles before and after --fix.

A case is `words` behind the image's entrypoint and `expected`: taken or refused. Lint's errors that rest on memory, on
the host or on what is open to the world are no business of a parser; they make no case.
"""

import itertools
import shlex
from dataclasses import dataclass
from pathlib import Path

import yaml

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.serving.asked import Asked
from cloudgpu.serving.launching import launch_of
from cloudgpu.serving.lint.check import is_vllm, lint, read_services
from cloudgpu.serving.lint.fixing.fix import fixed
from cloudgpu.serving.lint.reading.compose import read_compose
from cloudgpu.serving.lint.reading.variables import UNKNOWN
from cloudgpu.serving.lint.releases.flag_table import release_of
from cloudgpu.sizing.catalog import read_rows
from tests.serving.lint.test_release_words import REFUSED, TAKEN_OR_UNKNOWN
from tests.serving.lint.test_rules import COMMANDS
from tests.serving.planning import KEY, planned

OF_THE_ENGINE = frozenset({
    "V01", "V02", "V03", "V04", "V05", "V06", "V07", "V08", "V12", "V13", "V18", "V19", "V21", "V25", "V26", "V30",
    "V31", "V39", "V43", "V45", "V46", "V53", "V62", "V63", "V64", "V65", "V66", "V70", "V71",
})  # fmt: skip
"""Rules whose errors the parser or the configuration of a release must confirm."""

OF_THE_PARSER = frozenset({
    "V01", "V02", "V03", "V04", "V05", "V06", "V07", "V08", "V31", "V43", "V45", "V46", "V62", "V63", "V64", "V65",
})  # fmt: skip
"""Those of them that need no model."""

_LOOKED_UP_LATE = frozenset({"0.13.0", "0.14.1", "0.16.0", "0.18.1"})
_NOT_HERE = frozenset({"--chat-template", "--config", "--tool-parser-plugin", "--reasoning-parser-plugin"})
"""Flags that name a file, which the engine reads as it parses."""

PROFILES = Path(__file__).parents[1] / "lint" / "profiles"
_MODELS = (
    "mistral", "qwen-14b", "Qwen/Qwen3-8B", "Qwen/Qwen3-VL-8B-Instruct", "Qwen/Qwen3-30B-A3B",
    "meta-llama/Llama-3.1-8B-Instruct", "openai/gpt-oss-20b", "google/gemma-3-12b-it", "BAAI/bge-m3",
)  # fmt: skip
_OPTIONS = (
    {},
    {"max_num_seqs": 64, "max_num_batched_tokens": 8192, "enforce_eager": True, "dtype": "bfloat16"},
    {"quantization": "fp8", "kv_cache_dtype": "fp8", "context_tokens": 16384, "gpu_memory_utilization": 0.7},
    {"quantization": "awq", "context_tokens": 2048},
    {"context_tokens": 131072},
    {"lora_rank": 24, "image_limit": 4, "max_pixels": 602112},
)
_MODULES = ("vllm.entrypoints.openai.api_server", "vllm.entrypoints.api_server")
_FILES = {"shell": "start.sh", "compose": "compose.yml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`rules` are lint's errors that a refusal must confirm; none: the engine must take the words.

    `parsed_only`: its model is not known here, so nobody asks the engine's configuration.
    """

    kind: str
    words: tuple[str, ...]
    rules: tuple[str, ...] = ()
    parsed_only: bool = False


def cases(release: str) -> list[Case]:
    """Everything that is asked of a release, each command line once."""
    every = itertools.chain(_written(release), _judged(release), _profiles(release), _published(release))
    return list({each.words: each for each in every if each.parsed_only or _is_known(each)}.values())


def _is_known(case: Case) -> bool:
    """Whether the models that it names have a config here: a file that is missing is no verdict."""
    named = {row["id"] for table in ("models", "quantized") for row in read_rows(table)}
    return all(model in named for word, model in itertools.pairwise(case.words) if word == "--model")


def _written(release: str):
    """What `up` and `render` write, for models and options that the release can serve."""
    for model, options in itertools.product(_MODELS, _OPTIONS):
        for asked in (Asked(), Asked(tools=True, reasoning=True)) if not options else (Asked(),):
            adapter = "me/adapter" if "lora_rank" in options else None
            try:
                plan = planned(model, engine_version=release, adapter=adapter, **options)
                launch = launch_of(plan, plan.candidates[0], service="chat", api_key=KEY, asked=asked)
            except (CloudgpuError, IndexError):
                continue  # refused before any money is spent
            yield Case(kind="written", words=launch.args)


def _judged(release: str):
    """The examples of the rules, all of them at this release, with lint's verdict there."""
    examples = [command for row in COMMANDS for command in (row[1], row[3])]
    examples += [command for _, command, _ in (*REFUSED, *TAKEN_OR_UNKNOWN)]
    for command in examples:
        yield from _as_lint_says("rule", _bare(shlex.split(command)), release)


def _profiles(release: str):
    for path in sorted(PROFILES.glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        after = fixed(text, path.name, variables={}, host=None, version=release).text
        for words in _commands(text):
            yield from _as_lint_says("profile", words, release)
        for words in _commands(after):
            yield Case(kind="fixed", words=tuple(words))


def _published(release: str):
    """Commands that people published for whatever release: what each release says of them, and what lint does."""
    published = yaml.safe_load((PROFILES.parent / "published.yml").read_text(encoding="utf-8"))
    for name, each in itertools.chain(*([(file, case) for case in published[kind]] for kind, file in _FILES.items())):
        for service in filter(is_vllm, read_services(each["text"] + "\n", name, {})):
            words = _bare([word.text for word in service.words])
            if not any(UNKNOWN in word or word.startswith("$") or word in _NOT_HERE for word in words):
                yield from _as_lint_says("published", words, release, parsed_only=True)


def _as_lint_says(kind: str, words, release: str, *, parsed_only: bool = False):
    text = yaml.safe_dump({"services": {"e": {"image": f"vllm/vllm-openai:v{release}", "command": list(words)}}})
    found = lint(text, "compose.yml", variables={}).findings
    errors = {each.rule for each in found if each.severity.value == "error"}
    unheard = any(each.rule == "V31" and "--reasoning-parser" in each.message for each in found)
    if unheard and (parsed_only or release in _LOOKED_UP_LATE):
        return  # some releases look that name up in their configuration, these only as the server's paths are made
    confirmed = OF_THE_PARSER if parsed_only else OF_THE_ENGINE
    yield Case(kind=kind, words=tuple(words), rules=tuple(sorted(errors & confirmed)), parsed_only=parsed_only)


def _commands(text: str):
    for service in read_compose(text, {}):
        yield _bare([word.text for word in service.words])


def _bare(words: list[str]) -> list[str]:
    """The arguments: what follows `vllm serve`, or the module that older releases start."""
    starts = (index for index, word in enumerate(words[:6]) if word == "serve" or word in _MODULES)
    return words[next(starts, -1) + 1 :]


def entry_of(release: str) -> str:
    """How the release's image starts: `vllm serve` since 0.14, the module before."""
    return "serve" if release_of(release) >= (0, 14) else "module"
