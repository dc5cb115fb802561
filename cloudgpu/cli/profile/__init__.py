"""`cloudgpu profile`: compare what serves, keep a copy of it, and get it back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudgpu.cli.out_file import Force, check_place, write

if TYPE_CHECKING:
    from cloudgpu.serving.profile import Profile

_WHAT = "A deployment, a template, a backup (NAME@TIME), or a file; FILE:SERVICE names one of several servers."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Compare profiles (files, templates, deployments), keep copies, get them back.")
    group.command("diff")(diff)
    group.command("backup")(backup)
    group.command("restore")(restore)
    app.add_typer(group, name="profile", no_args_is_help=True)


def diff(
    left: Annotated[str, typer.Argument(metavar="A", help=_WHAT)],
    right: Annotated[str, typer.Argument(metavar="B", help="The other one.")],
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Show what differs: image, flags, names of variables (never values), ports. Exit status 1 when anything does."""
    # everything below is imported only when the command runs: `--help` stays fast
    from cloudgpu.cli import render
    from cloudgpu.cli.render import Column
    from cloudgpu.serving.profile import differences

    found = differences(_profile(left), _profile(right))
    if as_json:
        rows = [{"what": each.what, "left": each.left, "right": each.right} for each in found]
        render.out_json({"left": left, "right": right, "differences": rows})
    elif found:
        columns = [Column("What"), Column(left), Column(right)]
        render.table(columns, [(each.what, each.left or "-", each.right or "-") for each in found])
    else:
        render.text(f"{left} and {right} run alike.")
    if found:
        raise typer.Exit(1)


def backup(
    what: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A deployment, a template, or a file.")],
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Keep a copy in the state folder: a file as it is, a deployment's image, flags and names of variables."""
    import json

    from cloudgpu.base.clock import SystemClock
    from cloudgpu.base.settings import read_settings
    from cloudgpu.cli import render
    from cloudgpu.cli.named_file import text_of
    from cloudgpu.cli.profile.files import back_up

    path = Path(what)
    is_file = path.is_file()
    text = text_of(path) if is_file else json.dumps(_profile(what).as_body(), indent=1) + "\n"
    at = SystemClock().now().strftime("%Y%m%dT%H%M%SZ")
    kind = (path.suffix.lstrip(".") or "sh") if is_file else "json"
    kept = back_up(read_settings().state_dir, path.stem if is_file else what, text, kind=kind, at=at)
    if as_json:
        return render.out_json({"name": kept.stem, "path": str(kept)})
    return render.text(f"Kept as {kept.stem}. Get it back: cloudgpu profile restore {kept.stem} --output FILE")


def restore(
    name: Annotated[str | None, typer.Argument(help="NAME (the newest) or NAME@TIME; without it, a list.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; without it, stdout.")] = None,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="The list, or the text, as JSON.")] = False,
) -> None:
    """Write a copy back: a file as it was, a deployment as a compose file whose variables come from outside."""
    from cloudgpu.base.settings import read_settings
    from cloudgpu.cli import render
    from cloudgpu.cli.named_file import text_of
    from cloudgpu.cli.profile.files import backups, find_backup, read_profile
    from cloudgpu.serving.render.compose import profile_text

    state_dir = read_settings().state_dir
    if name is None:
        kept = [path.stem for path in backups(state_dir)]
        if as_json:
            return render.out_json({"backups": kept})
        return render.text("\n".join(kept) or "Nothing is kept: cloudgpu profile backup NAME|FILE")
    check_place(output, force=force)
    path = find_backup(state_dir, name)
    text = profile_text(read_profile(path)) if path.suffix == ".json" else text_of(path)
    if as_json:
        return render.out_json({"name": path.stem, "text": text})
    return write(text, output)


def _profile(what: str) -> "Profile":
    """Raises UsageError, BadFileError or NotFoundError."""
    path, _, service = what.rpartition(":")
    if Path(what).is_file():
        return _of_file(Path(what), None)
    if path and Path(path).is_file():
        return _of_file(Path(path), service)
    if "@" in what:
        return _of_backup(what)
    from cloudgpu.cli.profile.deployed import deployed  # the journal is opened only for names that are no files

    found = deployed(what)
    return found[1] if found else _of_template(what)


def _of_file(path: Path, service: str | None) -> "Profile":
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli.named_file import text_of, variables_of
    from cloudgpu.serving.lint.check import read_services
    from cloudgpu.serving.profile import of_service

    found = read_services(text_of(path), path.name, variables_of(path))
    chosen = [each for each in found if service in (None, each.name)]
    if len(chosen) != 1:
        names = ", ".join(each.name for each in found)
        raise UsageError(f"{path} holds {names}", hint=f"say which one: {path}:{found[0].name}")
    return of_service(chosen[0])


def _of_backup(what: str) -> "Profile":
    from cloudgpu.base.settings import read_settings
    from cloudgpu.cli.profile.files import find_backup, read_profile

    path = find_backup(read_settings().state_dir, what)
    return read_profile(path) if path.suffix == ".json" else _of_file(path, None)


def _of_template(name: str) -> "Profile":
    from cloudgpu.base.errors import NotFoundError
    from cloudgpu.base.settings import read_settings
    from cloudgpu.serving.profile import of_template
    from cloudgpu.serving.template_folders import find_template, template_paths

    own_folder = read_settings().config_dir / "templates"
    if name not in template_paths(own_folder):
        raise NotFoundError(f"no file, deployment, backup or template {name}", hint="cloudgpu template list; status")
    return of_template(find_template(name, own_folder))
