"""`cloudgpu validate-profile`: a serving profile parameter by parameter, with a score and its history."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cloudgpu.cli.validate_profile.history import Entry
    from cloudgpu.serving.lint.validation import Validation


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate-profile")(validate_profile)


def validate_profile(
    file: Annotated[Path, typer.Argument(help="A compose file, or a shell file with `vllm serve`.")],
    gpus: Annotated[str | None, typer.Option(metavar='"2x RTX 4090"', help="The cards it will run on.")] = None,
    ram: Annotated[float | None, typer.Option(min=1, metavar="GIB", help="The host's memory.")] = None,
    engine_version: Annotated[
        str | None, typer.Option(metavar="X.Y.Z", help="The release, where the file names none. Default: the newest.")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Show earlier scores of this file instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Judge the parameters that decide whether a profile starts and fits, each by a rule and a figure.

    The score counts parameters that neither an error nor a warning speaks against. Exit status 1 when one fails.
    """
    # everything below is imported only when the command runs: `--help` stays fast
    from cloudgpu.base.settings import read_settings
    from cloudgpu.cli.lint import host_of
    from cloudgpu.cli.named_file import text_of, variables_of
    from cloudgpu.cli.validate_profile.history import append, read
    from cloudgpu.serving.lint.validation import validate

    state_dir = read_settings().state_dir
    if history:
        return _show_history(file, read(state_dir, file), as_json=as_json)
    found = validate(
        text_of(file), file.name, variables=variables_of(file), host=host_of(gpus, ram), version=engine_version
    )
    append(state_dir, file, found, gpus)
    _show(found, as_json=as_json)
    if any(each.fails for each in found):
        raise typer.Exit(1)
    return None


def _show(found: "list[Validation]", *, as_json: bool) -> None:
    from cloudgpu.cli import render

    if as_json:
        return render.out_json({"services": [_plain(each) for each in found]})
    for each in found:
        _show_one(each)
    return None


_LABEL = 24


def _show_one(found: "Validation") -> None:
    from cloudgpu.cli import render
    from cloudgpu.cli.render import Column

    render.heading(f"{found.service}: {found.model or 'unknown model'}, vLLM {found.version}")
    columns = [Column("Category", drop=3), Column("Parameter"), Column("Value"), Column("Verdict"), Column("Rules"),
               Column("Figure", drop=2)]  # fmt: skip
    rows = [
        (each.category, each.parameter, each.value or "-", each.verdict.value, " ".join(each.rules), each.figure)
        for each in found.judgements
    ]
    render.table(columns, rows)
    for each in found.judgements:
        if each.message and each.verdict.value in ("fails", "weak"):
            render.hanging(f"  {each.parameter:<{_LABEL}}", f"{each.message}.")
    for other in found.others:
        label = f"{other.rule} {other.severity.value}"
        render.hanging(f"  {label:<{_LABEL}}", f"{other.message}.", "" if other.severity == "error" else "dim")
    render.text(f"Score: {found.good} of {len(found.judgements)}" + (", and it will not do" if found.fails else ""))


def _plain(found: "Validation") -> dict[str, object]:
    return {
        "service": found.service, "model": found.model, "engine_version": found.version, "score": found.good,
        "of": len(found.judgements), "fails": found.fails,
        "parameters": [
            {"category": each.category, "parameter": each.parameter, "value": each.value,
             "verdict": each.verdict.value, "rules": each.rules, "figure": each.figure, "message": each.message}
            for each in found.judgements
        ],
        "others": [{"rule": each.rule, "severity": each.severity.value, "message": each.message}
                   for each in found.others],
    }  # fmt: skip


def _show_history(file: Path, entries: "list[Entry]", *, as_json: bool) -> None:
    from cloudgpu.cli import render
    from cloudgpu.cli.render import Column

    if as_json:
        return render.out_json({"file": str(file), "history": entries})
    if not entries:
        return render.text(f"{file} was never validated here.")
    columns = [Column("When"), Column("Service"), Column("Release"), Column("Cards"), Column("Score"), Column("Fails")]
    rows = [
        (str(each["at"]), str(each["service"]), str(each["engine_version"]), str(each["gpus"] or "-"),
         f"{each['score']} of {each['of']}", ", ".join(each["fails"]) or "-")
        for each in entries
    ]  # fmt: skip
    return render.table(columns, rows)
