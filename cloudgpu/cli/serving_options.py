"""Options of the commands that judge what serves a model."""

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
