"""The names a person may have meant."""

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], count: int = 4) -> list[str]:
    """Up to `count` of the `known` names that look like `name`, the likeliest first; empty when none does."""
    from difflib import get_close_matches  # loaded only when a name was missed

    wanted = name.lower()
    by_key = {key.lower(): key for key in known}
    close = get_close_matches(wanted, by_key, n=count, cutoff=0.55)
    holding = [key for key in by_key if len(wanted) >= 3 and wanted in key and key not in close]
    return [by_key[key] for key in (close + holding)[:count]]


def nearest_of_all(name: str, known: Iterable[str], count: int = 4) -> list[str]:
    """As `nearest`, but however far away: empty only for an empty name, or when nothing is known."""
    from difflib import get_close_matches

    by_key = {key.lower(): key for key in known}
    wanted = name.strip().lower()
    return [by_key[key] for key in get_close_matches(wanted, by_key, n=count, cutoff=0.0)] if wanted else []


def hint_for(name: str, known: Iterable[str], listing: str) -> str:
    """`did you mean …?`, else the nearest names however far away, and where all of them are listed."""
    names = list(known)
    if near := nearest(name, names):
        return hint_of(near, listing)
    far = nearest_of_all(name, names)
    if not far:
        return hint_of([], listing)
    return f"nothing is named alike; nearest are {', '.join(far)}; `{listing}` lists all"


def hint_of(names: list[str], listing: str) -> str:
    """`did you mean …?`, or where to see the list when nothing is near."""
    return f"did you mean {', '.join(names)}?" if names else f"`{listing}` lists what is known"
