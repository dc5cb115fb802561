"""What is asked of a release: command lines that we write, commands that lint judges, profiles before and after --fix.

A case is `words` behind the image's entrypoint and `expected`: taken or refused. Lint's errors that rest on memory, on
the host or on what is open to the world are no business of a parser; they make no case.
"""

import itertools
import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import yaml

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.serving.asked import Asked
from cloudgpu.serving.launching import launch_of
from cloudgpu.serving.lint.check import lint
from cloudgpu.serving.lint.compose import read_compose
from cloudgpu.serving.lint.fixing import fixed
from cloudgpu.serving.lint.flag_table import release_of
from cloudgpu.sizing.catalog import read_rows
from tests.serving.lint.test_rules import COMMANDS
from tests.serving.planning import KEY, planned

OF_THE_ENGINE = frozenset({
    "V01", "V02", "V03", "V04", "V05", "V06", "V07", "V08", "V12", "V13", "V18", "V19", "V21", "V25", "V26", "V30",
    "V31", "V39", "V43", "V45", "V46", "V53",
})  # fmt: skip
"""Rules whose errors the parser or the configuration of a release must confirm."""

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
_ARCHITECTURES = {
    "gemma3": "Gemma3ForConditionalGeneration", "gpt_oss": "GptOssForCausalLM", "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM", "qwen3_vl": "Qwen3VLForConditionalGeneration",
}  # fmt: skip
_STORED = {
    "awq": {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"},
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": True},
    "fp8": {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": [128, 128]},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`rules` are lint's errors that a refusal must confirm; none: the engine must take the words."""

    kind: str
    words: tuple[str, ...]
    rules: tuple[str, ...] = ()


def cases(release: str) -> list[Case]:
    """Everything that is asked of a release, each command line once."""
    every = itertools.chain(_written(release), _judged(release), _profiles(release))
    return list({each.words: each for each in every if _is_known(each)}.values())


def write_models(folder: Path) -> None:
    """A Hub cache with the config.json of every model of the catalogue whose architecture has a name here."""
    rows = {row["id"]: row for row in read_rows("models")}
    for row in rows.values():
        _write_model(folder, row["id"], row["config"])
    for row in read_rows("quantized"):
        if row["base"] in rows and row["quantization"] in _STORED:
            config = {**rows[row["base"]]["config"], "quantization_config": _STORED[row["quantization"]]}
            config["torch_dtype"] = "float16" if row["quantization"] == "awq" else config["torch_dtype"]
            _write_model(folder, row["id"], config)


def _is_known(case: Case) -> bool:
    """Whether the models that it names have a config here: a file that is missing is no verdict."""
    named = {row["id"] for table in ("models", "quantized") for row in read_rows(table)}
    return all(model in named for word, model in itertools.pairwise(case.words) if word == "--model")


def _write_model(folder: Path, model_id: str, config: dict) -> None:
    named = config.get("architectures") or [_ARCHITECTURES.get(config["model_type"])]
    home = folder / "hub" / f"models--{model_id.replace('/', '--')}"
    if named == [None] or home.exists():
        return
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("0", encoding="utf-8")
    (home / "snapshots" / "0").mkdir(parents=True)
    text = json.dumps({**config, "architectures": named})
    (home / "snapshots" / "0" / "config.json").write_text(text, encoding="utf-8")


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
    for row in COMMANDS:
        for command in (row[1], row[3]):
            words = shlex.split(command)
            words = words[2:] if words[:2] == ["vllm", "serve"] else words
            yield from _as_lint_says("rule", words, release)


def _profiles(release: str):
    for path in sorted(PROFILES.glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        after = fixed(text, path.name, variables={}, host=None, version=release)
        for words in _commands(text):
            yield from _as_lint_says("profile", words, release)
        for words in _commands(after):
            yield Case(kind="fixed", words=tuple(words))


def _as_lint_says(kind: str, words, release: str):
    text = yaml.safe_dump({"services": {"e": {"image": f"vllm/vllm-openai:v{release}", "command": list(words)}}})
    found = lint(text, "compose.yml", variables={}).findings
    errors = {each.rule for each in found if each.severity.value == "error"}
    yield Case(kind=kind, words=tuple(words), rules=tuple(sorted(errors & OF_THE_ENGINE)))


def _commands(text: str):
    for service in read_compose(text, {}):
        words = [word.text for word in service.words]
        yield words[2:] if words[:2] == ["vllm", "serve"] else words


def entry_of(release: str) -> str:
    """How the release's image starts: `vllm serve` since 0.14, the module before."""
    return "serve" if release_of(release) >= (0, 14) else "module"
