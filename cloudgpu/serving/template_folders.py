"""Where templates lie: those of the package, and a folder of the user's own, which goes first. Reads files only."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cloudgpu.base.data import data_dir
from cloudgpu.base.errors import NotFoundError, UsageError
from cloudgpu.planning.plan import Plan
from cloudgpu.serving.template import Template
from cloudgpu.serving.template_file import read_template
from cloudgpu.sizing.engines import canonical_engine
from cloudgpu.sizing.model import ModelSpec

_OTHER_FILES = "pack-"
"""Budgets of `cloudgpu pack` lie beside the templates of the package."""

_OF_ENGINE = {"vllm": "vllm", "sglang": "sglang", "llama.cpp": "llamacpp", "transformers": "transformers-lora"}


def template_paths(own_folder: Path | None = None) -> dict[str, Path]:
    """Every template's file by name: the package's, then the user's own, which may stand in for one of these."""
    found = {path.stem: path for path in _files(data_dir("templates"))}
    return found | ({path.stem: path for path in _files(own_folder)} if own_folder else {})


def find_template(wanted: str, own_folder: Path | None = None) -> Template:
    """A template by its name or as a file. Raises NotFoundError when there is none, BadFileError for a bad one."""
    path = Path(wanted).expanduser()
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise NotFoundError(f"there is no template file {wanted}", hint="cloudgpu template new NAME makes one")
        return _read(path.absolute())
    paths = template_paths(own_folder)
    if wanted not in paths:
        raise NotFoundError(f"there is no template {wanted!r}", hint="there are " + ", ".join(sorted(paths)))
    return _read(paths[wanted].absolute())


def template_of(plan: Plan, chosen: Template | None) -> Template:
    """The template that was chosen, else the package's for the plan's engine and model.

    Raises UsageError for one that starts another engine than the plan was made for, and for one that counts as ready by
    a chat where the model has vectors to give and no words.
    """
    engine = canonical_engine(plan.needs.options.engine)
    if chosen is not None and chosen.engine != engine:
        raise UsageError(
            f"the template {chosen.name} starts {chosen.engine}, and the plan was made for {engine}",
            hint=f"plan for it: cloudgpu plan MODEL --engine {chosen.engine}",
        )
    found = chosen or find_template(_usual(plan, engine))
    model = plan.needs.model
    if found.readiness == "chat" and (model.is_encoder or (chosen is None and _embeds(model))):
        raise UsageError(
            f"the template {found.name} is ready once it chats, and {model.model_id} answers with vectors only",
            hint="--engine vllm has a template that embeds; one of your own says readiness: embedding",
        )
    return found


def _usual(plan: Plan, engine: str) -> str:
    model = plan.needs.model
    if engine != "vllm":
        return _OF_ENGINE[engine]
    if _embeds(model):
        return "embeddings"
    if model.architecture.has_vision:
        return "vllm-vision"
    return "vllm-lora" if plan.needs.adapter else "vllm"


def _embeds(model: ModelSpec) -> bool:
    return model.is_encoder or "embedding" in model.model_id.lower()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*.yaml")) if not path.name.startswith(_OTHER_FILES))


@cache
def _read(path: Path) -> Template:
    return read_template(path)
