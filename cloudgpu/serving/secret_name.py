"""Which names are taken for those of secrets, where no type says so: what they hold is never kept."""

import re

_SECRET = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASS|PASSWORD|PASSWD)$", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name most likely holds a secret."""
    return _SECRET.search(name) is not None
