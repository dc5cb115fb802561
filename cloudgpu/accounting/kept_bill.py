"""What of a bill that was read is written down: what the one before it does not say already.

The bill of a month by the hour has some 1,500 lines, of which a look finds the last two changed; a live view looks
every other second.
"""

from dataclasses import replace
from itertools import takewhile

from cloudgpu.accounting.bill import billed_until, download_is_billed, is_settled, may_have_grown
from cloudgpu.accounting.life import Life, bill_after, bill_line
from cloudgpu.base.clock import utc_text
from cloudgpu.base.events import Event


def news(life: Life, event: Event) -> Event | None:
    """What to write down of a CHARGED event that holds a whole bill, after all that is known of its life. Pure.

    The lines that differ, behind those of the bill before it with which this one begins (`unchanged` of them, `after`
    names that bill); None when it has the same lines, and the moment of this look makes nothing more certain.
    """
    known = life.bill
    if known is None:
        return event
    read = bill_after(known, event)
    if read is not None and read.lines == known.lines and _certainty(life) == _certainty(replace(life, bill=read)):
        return None
    lines = event.data["lines"]
    pairs = zip(known.lines, map(bill_line, lines), strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    if not same:
        return event
    after = {"after": utc_text(known.fetched_at), "unchanged": same, "lines": lines[same:]}
    return replace(event, data={**event.data, **after})


def _certainty(life: Life) -> tuple[object, ...]:
    """All that the moment at which its bill was read decides."""
    return is_settled(life), billed_until(life), may_have_grown(life), download_is_billed(life)
