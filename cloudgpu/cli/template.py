"""`cloudgpu template`: how engines are started, as files of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cloudgpu.serving.template import Template

template = typer.Typer(help="How engines are started: list, show, check and make templates.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(template, name="template")


@template.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every template by name: the package's, and those of your own folder, which go first."""
    # Everything below is imported only when a command runs: `--help` stays fast.
    from cloudgpu.base.errors import BadFileError
    from cloudgpu.cli import render
    from cloudgpu.cli.render import Column
    from cloudgpu.serving.template_folders import find_template, template_paths

    rows: list[tuple[str, str, str, str]] = []
    for name, path in sorted(template_paths(_own_folder()).items()):
        whose = "own" if path.parent == _own_folder() else "package"
        try:
            found = find_template(str(path))
            rows.append((name, found.engine, whose, found.summary))
        except BadFileError as error:
            rows.append((name, "", whose, f"broken: {error.message.partition(', ')[2] or error.message}"))
    if as_json:
        names = ("name", "engine", "origin", "summary")
        return render.out_json({"templates": [dict(zip(names, row, strict=True)) for row in rows]})
    render.table([Column("Template"), Column("Engine"), Column("Whose"), Column("What it starts")], rows)
    render.note(f"Your own lie in {_own_folder()}. cloudgpu template show NAME prints one with its explanations.")
    return None


@template.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE")],
    as_json: AsJson = False,
) -> None:
    """Print a template as it stands, explanations and all."""
    from cloudgpu.cli import render
    from cloudgpu.serving.template_folders import find_template

    found = find_template(name, _own_folder())
    if as_json:
        return render.out_json({"template": _fields(found)})
    return typer.echo(Path(found.origin).read_text(encoding="utf-8"), nl=False)


@template.command("check")
def check(
    files: Annotated[list[str], typer.Argument(metavar="NAME|FILE...")],
    as_json: AsJson = False,
) -> None:
    """Read templates as `up` would: the first that is wrong is named with file, line and key."""
    from cloudgpu.cli import render
    from cloudgpu.serving.template_folders import find_template

    found = [find_template(each, _own_folder()) for each in files]
    if as_json:
        return render.out_json({"templates": [_fields(each) for each in found]})
    for each in found:
        render.text(f"{each.origin}: {each.name} is a template for {each.engine}")
    return None


@template.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    like: Annotated[str, typer.Option(metavar="NAME|FILE", help="The template to begin with.")] = "vllm",
    as_json: AsJson = False,
) -> None:
    """Copy a template into your own folder under another name, to be changed there."""
    from cloudgpu.cli import render
    from cloudgpu.serving.template_copy import copy_template
    from cloudgpu.serving.template_folders import find_template

    path = copy_template(find_template(like, _own_folder()), name, _own_folder())
    if as_json:
        return render.out_json({"path": str(path)})
    render.text(str(path))
    return render.note(f"Change it, check it (cloudgpu template check {name}), use it: cloudgpu up --template {name}")


def _own_folder() -> Path:
    from cloudgpu.base.settings import read_settings

    return read_settings().config_dir / "templates"


def _fields(found: "Template") -> dict[str, object]:
    return {
        "name": found.name,
        "summary": found.summary,
        "engine": found.engine,
        "image": found.image,
        "entrypoint": found.entrypoint,
        "port": found.port,
        "health": found.health,
        "readiness": found.readiness,
        "disk_at_least_gb": found.disk_at_least_gb,
        "min_cuda": found.min_cuda,
        "start_up": {"base_s": found.start_base_s, "s_per_gb": found.start_s_per_gb},
        "variables": [each.name for each in found.variables],
        "arguments": [list(each) for each in found.arguments],
        "environment": dict(found.environment),
        "secrets": dict(found.secrets),
        "origin": found.origin,
    }
