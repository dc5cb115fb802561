"""`cloudgpu models`: what the catalogue knows."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("models")(models)


def models(
    wanted: Annotated[str, typer.Argument(metavar="FILTER", help="Part of a name, an alias or a family.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models that can be planned by name, with their size and context."""
    # Imported here to keep `--help` fast.
    from cloudgpu.base.errors import UnknownModelError
    from cloudgpu.cli import render
    from cloudgpu.cli.catalog_view import model_fields, model_rows
    from cloudgpu.sizing.known_models import all_models

    key = wanted.lower()
    found = [model for model in all_models() if not key or any(key in name for name in _names(model))]
    if as_json:
        return render.out_json({"models": [model_fields(model) for model in found]})
    if not found:
        raise UnknownModelError(f"no model's name holds {wanted!r}", hint="`cloudgpu models` lists all of them")
    columns, rows = model_rows(found)
    render.table(columns, rows)
    render.note(f"{len(found)} models. Any of them by alias or Hub id; a folder or a config.json works as well.")
    return None


def _names(model: object) -> list[str]:
    from cloudgpu.sizing.model import ModelSpec

    assert isinstance(model, ModelSpec)
    return [name.lower() for name in (model.model_id, model.short_name, *model.aliases, model.family)]
