"""`cloudgpu validate-profile`: a serving profile parameter by parameter, with a score and its history."""

from typing import Annotated

import typer

from cloudgpu.cli.serving_options import ServedModel, Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate-profile")(validate_profile)


def validate_profile(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME|MODEL|-",
            help="A compose file or a shell file with `vllm serve`; a deployment or a template by its name; a model, "
            "as `up` would start it; - reads a command line.",
        ),
    ],
    gpus: Annotated[str | None, typer.Option(metavar='"2x RTX 4090"', help="The cards it will run on.")] = None,
    ram: Annotated[float | None, typer.Option(min=1, metavar="GIB", help="The host's memory.")] = None,
    engine_version: Annotated[
        str | None, typer.Option(metavar="X.Y.Z", help="The release, where the file names none. Default: the newest.")
    ] = None,
    model: ServedModel = None,
    set_: Settings = None,
    history: Annotated[bool, typer.Option("--history", help="Show earlier scores of this profile instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Judge the parameters that decide whether a profile starts and fits, each by a rule and a figure.

    The score counts parameters that neither an error nor a warning speaks against. Exit status 1 when one fails.
    """
    # everything below is imported only when the command runs: `--help` stays fast
    from cloudgpu.base.errors import UsageError
    from cloudgpu.base.settings import read_settings
    from cloudgpu.cli.lint import host_of
    from cloudgpu.cli.serving_targets import Wish, target_of
    from cloudgpu.cli.template_choice import variables_in
    from cloudgpu.cli.validate_profile.history import append, read
    from cloudgpu.cli.validate_profile.view import show, show_history
    from cloudgpu.serving.lint.validation import validate_services

    state_dir, settings = read_settings().state_dir, variables_in(set_ or ())
    wish = Wish(host=host_of(gpus, ram), version=engine_version, model=model, settings=settings, asks_hub=True)
    target = target_of(what, wish)
    if history and target.identity is None:
        raise UsageError("a command line that is piped in has no history", hint="keep it in a file")
    if history:
        return show_history(what, read(state_dir, str(target.identity)), as_json=as_json)
    found = validate_services(
        target.services, target.text, host=target.host, version=engine_version, served=target.served
    )
    if target.identity is not None:
        append(state_dir, target.identity, found, target.host)
    show(found, as_json=as_json)
    if any(each.fails for each in found):
        raise typer.Exit(1)
    return None
