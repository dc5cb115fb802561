"""Options that several of the migrate commands have."""

from typing import Annotated

import typer

Which = Annotated[
    str | None,
    typer.Argument(help="Migration, service or deployment; not needed while one is open, or to look at all."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Force = Annotated[bool, typer.Option("--force", help="Go on although the answers or the health speak against it.")]
AsJson = Annotated[bool, typer.Option("--json", help="The outcome as JSON.")]
