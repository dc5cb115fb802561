"""Options of the commands that start what serves a model, write it down or judge it."""

from typing import Annotated

import typer

ServedModel = Annotated[
    str | None,
    typer.Option("--model", metavar="MODEL", help="What it serves, where it does not say; fills a template."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A variable of the template or the compose file."),
]
TemplateName = Annotated[
    str | None,
    typer.Option("--template", metavar="NAME|FILE", help="How the engine is started: see cloudgpu template."),
]
TemplateSettings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A variable of that template.")
]
Tools = Annotated[bool, typer.Option("--tools", help="Let clients have the model call functions.")]
Reasoning = Annotated[bool, typer.Option("--reasoning", help="Keep what the model thinks apart from its answer.")]
