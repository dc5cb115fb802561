"""The help of a command is its docstring: lines of the source are no lines of the terminal."""

import inspect
import re

import typer


def fold_help(app: typer.Typer) -> None:
    """Let every command's paragraphs be folded by the terminal that shows them."""
    for command in app.registered_commands:
        if command.help is None and command.callback is not None:
            command.help = _paragraphs(inspect.getdoc(command.callback) or "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            fold_help(group.typer_instance)


def _paragraphs(text: str) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)
