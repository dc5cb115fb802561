"""A stand-in for a tokenizer: pieces of at most five characters that join to the text again."""

import re

_PIECE = re.compile(r"\s*\S{1,5}|\s+$")


def tokens(text: str) -> list[str]:
    """The pieces of a text, white space kept in front of each."""
    return _PIECE.findall(text)
