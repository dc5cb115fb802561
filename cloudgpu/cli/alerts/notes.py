"""What a report says of the budget: limits that are nearly or wholly used up, and who could not be told."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cloudgpu.accounting.history import History
from cloudgpu.accounting.ledger import Until
from cloudgpu.accounting.use import used_words
from cloudgpu.base.errors import BadFileError
from cloudgpu.cli.alerts.standing import Standing, standing_of
from cloudgpu.cli.alerts.untold import untold_notes

if TYPE_CHECKING:
    from cloudgpu.cli.session import Session

_NEARLY = 80


def budget_notes(session: "Session", history: History, until: Until) -> list[str]:
    """Sentences to show below a report; none while all limits are far. Asks no provider."""
    standing = standing_of(history, until)
    return [*_limits(standing), *_untold(session, standing)]


def _limits(standing: Standing) -> Iterator[str]:
    for use in standing.uses:
        if (use.crossed or 0) >= _NEARLY:
            yield used_words(use)


def _untold(session: "Session", standing: Standing) -> list[str]:
    try:
        return untold_notes(session, standing)
    except BadFileError as error:  # the file of targets keeps no report from being read
        return [f"{error.message}: nobody is told of the budget."]
