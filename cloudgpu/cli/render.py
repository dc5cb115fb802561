"""Everything that is shown. The only importer of rich.

stdout carries results, stderr carries progress and questions. Text is printed as it is: no markup is interpreted, so a
bracket in a host's name stays a bracket.
"""

import dataclasses
import json
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cloudgpu.base.clock import Clock, utc_text
from cloudgpu.base.errors import UsageError
from cloudgpu.base.money import exact_text, show_usd
from cloudgpu.base.secret import Secret

SCHEMA_VERSION = 1
PIPE_COLUMNS = 140
"""The width of a result that goes to a file or another program, which folds no lines."""


@dataclass(frozen=True, slots=True)
class Column:
    """A table column. Columns with a `drop` above zero leave, highest first, until the table fits the terminal."""

    name: str
    right: bool = False
    drop: int = 0


def out_json(value: Mapping[str, Any]) -> None:
    """The value that would be rendered, as JSON on stdout, with the schema version first."""
    document = {"schema_version": SCHEMA_VERSION, **value}
    sys.stdout.write(json.dumps(document, default=_plain, indent=2, ensure_ascii=False) + "\n")


def out_plain_json(value: Mapping[str, Any]) -> None:
    """JSON in another tool's own form, without anything of ours in it."""
    sys.stdout.write(json.dumps(value, default=_plain, indent=2, ensure_ascii=False) + "\n")


def text(line: str = "") -> None:
    """A line of the result."""
    _stdout().print(_text(line), soft_wrap=not sys.stdout.isatty())


def shell(line: str) -> None:
    """A line to copy into a shell: never folded, however narrow the terminal."""
    _stdout().print(_text(line), soft_wrap=True)


def heading(line: str) -> None:
    """A bold line of the result."""
    _stdout().print(_text(line, "bold"))


def note(line: str) -> None:
    """A line of the result that a hurried reader may skip."""
    _stdout().print(_text(line, "dim"))


def warning(line: str) -> None:
    """A line of the result that nobody should miss."""
    _stdout().print(_text(line, "bold yellow"))


def hanging(label: str, line: str, style: str = "") -> None:
    """A line behind its label: what the terminal does not hold goes on below the line's beginning.

    What goes to a file or another program stays one line.
    """
    console = _stdout()
    if _is_narrow(sys.stdout):
        room = max(console.width - len(label), 24)
        folded = textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False)
        line = ("\n" + " " * len(label)).join(folded)
    console.print(_text(label + line, style), soft_wrap=True)


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, title: str | None = None) -> None:
    """A table without rules, narrowed to the terminal by dropping columns rather than by cutting cells."""
    console = _stdout()
    shown = _columns_that_fit(columns, rows, console.width)
    grid = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for index in shown:
        grid.add_column(
            columns[index].name, justify="right" if columns[index].right else "left", header_style="dim bold"
        )
    for row in rows:
        grid.add_row(*(_text(row[index]) for index in shown))
    console.print(grid)


def pairs(rows: Sequence[tuple[str, str]]) -> None:
    """Labels and values, aligned."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for label, value in rows:
        grid.add_row(_text(label), _text(value))
    _stdout().print(grid)


def clear() -> None:
    """An empty screen for a view that is shown again and again; a blank line where there is no screen."""
    console = _stdout()
    console.clear() if console.is_terminal else console.print()


def numbered(lines: Sequence[str]) -> None:
    """Steps, one a line, with their numbers."""
    pairs([(f"{number}.", line) for number, line in enumerate(lines, start=1)])


def progress(line: str) -> None:
    """A line on stderr. What goes to a log stays one line."""
    _stderr().print(_text(line), soft_wrap=not _is_narrow(sys.stderr))


def alarm(line: str) -> None:
    """A line on stderr that nobody should miss."""
    _stderr().print(_text(f"! {line}", "bold"), soft_wrap=not _is_narrow(sys.stderr))


def confirm(question: str) -> bool:
    """Ask on stderr; only a plain yes counts. Raises UsageError when nobody is there to answer."""
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is here to answer.", hint="add --yes to agree beforehand")
    _stderr().print(Text(f"{question} [y/N] ", style="bold"), end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def live(clock: Clock) -> "Progress":
    """Phases with their elapsed time, on stderr: one moving line in a terminal, one line a phase elsewhere."""
    return Progress(clock)


def money(amount: Decimal, places: int = 2) -> str:
    """`$0.46`; amounts below a cent keep the digits that say something."""
    if places == 2 and amount and abs(amount) < Decimal("0.1"):
        places = 4
    return show_usd(amount, places)


def gib(amount: float) -> str:
    """`27.5 GiB`."""
    return f"{amount:.1f} GiB"


def duration(seconds: float) -> str:
    """`42 s`, `4 min 31 s`, `2 h 05 min`, `3 d 4 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


FRESH_S = 300.0
"""What was seen less long ago counts as seen now."""


def ago(seconds: float) -> str:
    """`now`, or from five minutes on `2 h 05 min ago`."""
    return "now" if seconds < FRESH_S else f"{duration(seconds)} ago"


class Progress:
    """A wait made visible: `phase` begins one, `tick` refreshes what is known of it. Use it as a context manager."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._console = _stderr()
        self._name = ""
        self._detail = ""
        self._since = clock.now()
        self._live = Live(get_renderable=self._line, console=self._console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        self._close("✓" if kind is None else "✗")

    def phase(self, name: str, detail: str = "", *, over: bool | None = None) -> None:
        """Begin a phase, the one before it being done; or go on with the same, with what is known of it now.

        `over` True: it is done; False: it came to nothing. With an empty name that is all that is told.
        """
        if name == self._name:
            self._detail = detail or self._detail
        elif name:
            self._close("✓")
            self._name, self._detail, self._since = name, detail, self._clock.now()
        if over is not None:
            self._close("✓" if over else "✗")

    def _close(self, mark: str) -> None:
        """The phase's line, for good. What moves is emptied first: a terminal shows it once more below that line."""
        line = f"{mark} {self._name:<14} {self._elapsed():>12}  {self._detail}".rstrip()
        was, self._name = self._name, ""
        if self._live.is_started:
            self._live.refresh()
        if was:
            self._console.print(_text(line))

    def _line(self) -> Text:
        return Text(
            f"… {self._name:<14} {self._elapsed():>12}  {self._detail}" if self._name else "",
            style="cyan",
            overflow="ellipsis",
            no_wrap=True,
        )

    def _elapsed(self) -> str:
        return duration((self._clock.now() - self._since).total_seconds())


def _text(line: str, style: str = "") -> Text:
    """Plain text: foreign words may hold escape sequences, and a terminal would obey them."""
    return Text(
        "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in line), style=style
    )


def _stdout() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _pipe_width())


def _stderr() -> Console:
    return Console(stderr=True, highlight=False)


def _is_narrow(stream: TextIO) -> bool:
    """Whether lines end somewhere: in a terminal, and where COLUMNS says so."""
    return stream.isatty() or "COLUMNS" in os.environ


def _pipe_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdigit() and int(columns) > 0 else PIPE_COLUMNS


def _columns_that_fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    widths = [max([cell_len(column.name), *(cell_len(row[i]) for row in rows)]) for i, column in enumerate(columns)]
    shown = list(range(len(columns)))
    while sum(widths[i] + 2 for i in shown) - 2 > width:
        droppable = [i for i in shown if columns[i].drop]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda i: columns[i].drop))
    return shown


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return exact_text(value)
        case datetime():
            return utc_text(value)
        case Secret() | Path():
            return str(value)
        case Enum():
            return value.value
        case set() | frozenset() | tuple():
            return list(value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")
