"""Following the pages of a listing to its end, and never in a circle."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cloudgpu.base.errors import BadAnswerError

MOST_PAGES = 400

Page = tuple[Sequence[Mapping[str, Any]], str | None]
"""The rows of a page, and the token that leads to the next one (None: this is the last)."""


def all_rows(page: Callable[[str | None], Page], bad: Callable[[str], BadAnswerError]) -> list[Mapping[str, Any]]:
    """The rows of all pages. `page` asks for the one after a token (None: the first); `bad` words the error.

    Raises what `bad` makes of a token given twice, of an empty page that announces more, and of pages without end.
    """
    rows: list[Mapping[str, Any]] = []
    tokens: set[str] = set()
    token: str | None = None
    for _ in range(MOST_PAGES):
        found, token = page(token)
        rows += found
        if token is None:
            return rows
        if token in tokens:
            raise bad("the listing leads in a circle: it names the same next page twice")
        if not found:
            raise bad("a page is empty though more are announced")
        tokens.add(token)
    raise bad(f"the listing has more than {MOST_PAGES} pages")
