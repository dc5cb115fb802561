"""What somebody else's server says, made fit to be shown."""

import re

_LIKE_A_KEY = re.compile(r"[A-Za-z0-9_-]{32,}")


def words(text: str, most: int) -> str:
    """What a server says, in one short line, without whatever looks like a key or would move a terminal."""
    line = "".join(each if each.isprintable() else " " for each in text)
    return _LIKE_A_KEY.sub("…", " ".join(line.split()))[:most]
