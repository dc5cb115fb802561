"""A model by any name, with its weights from where the user wants them: the only way to the Hub."""

from pathlib import Path

from cloudgpu.base.errors import NotFoundError, UnknownModelError, UnreachableError, UsageError
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.models import model_from_checkpoint, resolve_model

AUTO, HUB, CATALOGUE, FILE = "auto", "hub", "catalogue", "file"
WEIGHTS_FROM = (AUTO, HUB, CATALOGUE, FILE)


def find_model(name: str, weights_from: str = AUTO) -> ModelSpec:
    """The model, from the catalogue, from its own files, or from the Hub.

    `auto`: what this machine knows (catalogue, folder, an earlier answer of the Hub), and the Hub only for an unknown
    `owner/name`. `hub` asks it anew in any case, `catalogue` and `file` never. Raises UnknownModelError, NotFoundError
    and UsageError for what cannot be found that way, and what `hub.read_hub_checkpoint` raises.
    """
    _check(weights_from)
    if weights_from == HUB:
        return _from_hub(_hub_id(name))
    if weights_from == FILE:
        return _from_file(name)
    if weights_from == CATALOGUE:
        return resolve_model(name)
    try:
        return resolve_model(name)
    except UnknownModelError as error:
        if not _could_be_hub_id(name):
            raise
        return _from_hub(name.strip(), unknown=error)


def _check(weights_from: str) -> None:
    if weights_from not in WEIGHTS_FROM:
        raise UsageError(f"weights cannot come from {weights_from!r}", hint="one of " + ", ".join(WEIGHTS_FROM))


def _from_hub(name: str, unknown: UnknownModelError | None = None) -> ModelSpec:
    """`unknown` is what the catalogue said of the name: its near names are worth more than the Hub's bare no."""
    from cloudgpu.sizing.checkpoint.kept import keep  # only for those who ask the Hub
    from cloudgpu.sizing.hub import read_hub_checkpoint

    try:
        found = read_hub_checkpoint(name)
    except UnknownModelError as error:
        if unknown is not None and unknown.hint:
            error.hint = f"{unknown.hint} (a private repository needs HF_TOKEN)"
        raise
    except UnreachableError as error:
        if unknown is not None and unknown.hint:
            error.hint = f"{unknown.hint}; for any other repository {error.hint}"
        raise
    keep(name, found)
    return model_from_checkpoint(found, name)


def _from_file(name: str) -> ModelSpec:
    path = Path(name).expanduser()
    if not path.exists():
        raise NotFoundError(f"there is no file or folder {name}", hint="give the folder that holds the weights")
    model = resolve_model(name)
    if model.stored is None:
        raise NotFoundError(f"there are no weights in {path}", hint="safetensors or GGUF files are read")
    return model


def _hub_id(name: str) -> str:
    """The repository behind a name of the catalogue, or the name itself when it looks like a repository's."""
    try:
        model = resolve_model(name)
    except UnknownModelError:
        if _could_be_hub_id(name):
            return name.strip()
        raise
    if Path(model.model_id).is_absolute():
        raise UsageError(f"{name} is a folder, not a repository of the Hub", hint="leave --weights-from out")
    return model.model_id


def _could_be_hub_id(name: str) -> bool:
    owner, slash, repository = name.strip().partition("/")
    is_path = owner in {"", ".", "..", "~"} or "/" in repository or name.endswith(".json")
    return bool(slash and repository) and not is_path
