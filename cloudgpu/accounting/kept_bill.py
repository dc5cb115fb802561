"""What of a bill that was read is written down: what the one before it does not say already.

The bill of a month by the hour has some 1,500 lines, of which a look finds the last two changed; a live view looks
every other second. A statement is the bill of the whole account; the time it is asked for moves on with the day, so
that its first lines fall away.
"""

from dataclasses import replace
from datetime import datetime
from itertools import takewhile

from cloudgpu.accounting.bill import billed_until, download_is_billed, is_settled, may_have_grown
from cloudgpu.accounting.history import Statement, whole_statement
from cloudgpu.accounting.life import Life, bill_after, bill_line
from cloudgpu.base.clock import utc_text
from cloudgpu.base.events import Event


def news(life: Life, event: Event) -> Event | None:
    """What to write down of a CHARGED event that holds a whole bill, after all that is known of its life. Pure.

    None when it has the same lines, and the moment of this look makes nothing more certain.
    """
    known = life.bill
    if known is None:
        return event
    read = bill_after(known, event)
    if read is not None and read.lines == known.lines and _certainty(life) == _certainty(replace(life, bill=read)):
        return None
    return _behind(known.fetched_at, known.lines, tuple(map(bill_line, event.data["lines"])), event)


def news_of_statement(known: Statement | None, event: Event) -> Event | None:
    """What to write down of a STATEMENT event that holds a whole one, after the one before it at its provider. Pure.

    None when that one says the same of the same time, and was read on the same day of UTC: a day is settled by two
    readings after its end.
    """
    if known is None:
        return event
    read = whole_statement(event)
    if replace(read, fetched_at=known.fetched_at) == known and read.fetched_at.date() == known.fetched_at.date():
        return None
    return _behind(known.fetched_at, known.lines, read.lines, event)


def _behind(fetched_at: datetime, known: tuple[object, ...], read: tuple[object, ...], event: Event) -> Event:
    """The event with the lines that differ, behind those of the one before it with which it begins.

    `unchanged` of them, once the first ones (`dropped`) are left out; `after` names that one.
    """
    dropped = known.index(read[0]) if read and read[0] in known else 0
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(known[dropped:], read, strict=False)))
    if not same:
        return event
    lines = event.data["lines"][same:]
    after = {"after": utc_text(fetched_at), "unchanged": same, **({"dropped": dropped} if dropped else {})}
    return replace(event, data={**event.data, **after, "lines": lines})


def _certainty(life: Life) -> tuple[object, ...]:
    """All that the moment at which its bill was read decides."""
    return is_settled(life), billed_until(life), may_have_grown(life), download_is_billed(life)
