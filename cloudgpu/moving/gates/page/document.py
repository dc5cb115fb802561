"""One HTML file around what it says: it loads nothing from anywhere, and is no wider than the window."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby

from cloudgpu.moving.gates.page.style import STYLE


def document(title: str, lines: Iterable[str]) -> str:
    """A document readable in a browser without a network, in light and dark, printed, and on a narrow screen."""
    body = "\n".join(lines)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n"
        "</html>\n"
    )


def by_load(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of figures: each row has its load and the figure's name before what stands below `heads`.

    What holds words or an interval may fold; a figure with its unit never does.
    """
    top = "".join(f'<th class="n">{escape(head)}' for head in heads)
    parts = [_load(load, list(group)) for load, group in groupby(rows, key=lambda row: row[0])]
    start = f'<div class="wide"><table class="loads"><thead><tr><th>Load<th>Figure{top}</tr></thead>'
    return "\n".join([start, *(line for part in parts for line in part), "</table></div>"])


def _load(load: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "<tbody>"
    for number, (_, figure, *cells) in enumerate(rows):
        head = "" if number else f'<td rowspan="{len(rows)}">{escape(load)}</td>'
        yield f"<tr>{head}<td>{escape(figure)}</td>{''.join(map(_cell, cells))}</tr>"
    yield "</tbody>"


def _cell(words: str) -> str:
    folds = " folds" if words.count(" ") > 1 else ""
    return f'<td class="n{folds}">{escape(words)}</td>'
