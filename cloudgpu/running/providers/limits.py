"""What a provider's headers say of its limits and its time, read without ever failing: an odd header says nothing.

`RateLimit: "minute";r=176;t=41, "hour";r=7193;t=2411` and `RateLimit-Policy: "minute";q=180;w=60` are the form of the
IETF's draft of 2024, as RunPod sends it. Older single forms (`r=0;t=9`) are read too.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from cloudgpu.running.providers.base import RateWindow

_NAME = re.compile(r'"([^"]{1,40})"')
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]+)?")
_HALF_A_SECOND = 0.5
"""`Date` is cut to the second: on the average it is half of one behind."""


def windows_of(headers: Mapping[str, str]) -> tuple[RateWindow, ...]:
    """The windows that an answer's headers state; empty without any."""
    policy = {name: _number(item, "q") for name, item in _items(headers.get("RateLimit-Policy", ""))}
    found = []
    for name, item in _items(headers.get("RateLimit", "")):
        left, opens = _number(item, "r"), _number(item, "t")
        if left is not None and opens is not None:
            found.append(RateWindow(name=name, left=left, limit=policy.get(name), opens_in_s=opens))
    return tuple(found)


def used_up_s(windows: tuple[RateWindow, ...]) -> float | None:
    """Seconds until every used-up window is open again; None while there is something left in all of them."""
    return max((float(window.opens_in_s) for window in windows if window.left == 0), default=None)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The seconds that `Retry-After` asks for, as a number or as a date after the answer's own; None without one."""
    asked = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(asked):
        return float(asked)
    until, sent = _moment(asked), _moment(headers.get("Date", ""))
    return max(0.0, (until - sent).total_seconds()) if until and sent else None


def clock_ahead_s(headers: Mapping[str, str], middle: datetime) -> float | None:
    """How far the server's `Date` is ahead of ours in the middle of the call; None without a date that can be read."""
    sent = _moment(headers.get("Date", ""))
    return None if sent is None else (sent - middle).total_seconds() + _HALF_A_SECOND


def _items(header: str) -> list[tuple[str, str]]:
    found = []
    for item in header[:1000].split(","):
        name = _NAME.search(item)
        found.append((name[1] if name else "window", item))
    return found


def _number(item: str, parameter: str) -> int | None:
    found = re.search(rf"(?:^|[;\s]){parameter}\s*=\s*(\d{{1,9}})", item)
    return int(found[1]) if found else None


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
