"""Whose account a key opens, as far as a provider tells: one name of it, or several joined by a slash.

A provider may be unable to tell all of them at every moment, so one name in common is enough to be the same account.
"""

_BETWEEN = "/"
KEY_PREFIX = "key-"
"""Begins a name that is made of the key, for where the account's own cannot be told."""


def account_name(*names: str) -> str:
    """The account's names as one text, the one that people know it by first."""
    return _BETWEEN.join(names)


def same_account(one: str, other: str) -> bool:
    """Whether two texts name the same account."""
    return bool(set(one.split(_BETWEEN)) & set(other.split(_BETWEEN)))


def first_name(account: str | None) -> str | None:
    """The name that people know it by; None for none."""
    return account and account.split(_BETWEEN)[0]
