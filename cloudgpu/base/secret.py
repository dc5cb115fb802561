"""A value that must not be seen: redacted by its type, whatever prints it."""

from dataclasses import dataclass, field

REDACTED = "••••"


@dataclass(frozen=True, slots=True)
class Secret:
    """Text whose `str` and `repr` hide it; `reveal()` is the one way to the text, so that a search finds every use."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        """The text itself: for an Authorization header, an environment variable of the instance, a private file."""
        return self._text

    def __str__(self) -> str:
        return REDACTED

    def __repr__(self) -> str:
        return f"Secret({REDACTED})"

    def __bool__(self) -> bool:
        return bool(self._text)
