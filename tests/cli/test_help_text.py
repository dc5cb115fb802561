"""The help of a command is folded by the terminal that shows it, not where its source was."""

import typer
from typer.testing import CliRunner

from cloudgpu.cli.help_text import fold_help


def test_a_paragraph_is_folded_by_the_terminal_and_paragraphs_stay_apart():
    app = typer.Typer()

    @app.command()
    def act() -> None:
        """Act.

        One sentence which goes
        on in the next line of the source.

        Another paragraph.
        """

    fold_help(app)
    said = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).stdout
    lines = [line.strip() for line in said.splitlines()]
    assert "One sentence which goes on in the next line of the source." in lines
    assert lines[lines.index("Another paragraph.") - 1] == ""
