"""The unique token of one rental: its label at the provider, written to the journal before anything is asked for.

    cloudgpu-<store>-<name>-<nonce>-<lease>
    cloudgpu-1f2e3d4c-mistral-0a1b2c3d4e5f-20260102T0304Z

`store` says whose journal knows it, so that two machines that share an account tell their own from the other's;
`lease` is when it should be gone at the latest, readable on any machine, even without the journal.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from cloudgpu.base.errors import UsageError

_FORM = re.compile(
    r"cloudgpu-(?P<store>[0-9a-f]{8})-(?P<name>[a-z0-9](?:[a-z0-9._-]{0,62}))-(?P<nonce>[0-9a-f]{12})-(?P<lease>\d{8}T\d{4}Z)"
)
_LEASE = "%Y%m%dT%H%MZ"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Token:
    """A label that has our exact form, taken apart."""

    text: str
    store: str
    name: str
    lease_until: datetime


def new_token(store_id: str, name: str, lease_until: datetime) -> str:
    """A token that was never used before."""
    return f"cloudgpu-{store_id}-{name}-{secrets.token_hex(6)}-{lease_until.astimezone(UTC).strftime(_LEASE)}"


def read_token(label: str | None) -> Token | None:
    """The label as a token; None when it is not exactly of our form (then the instance is none of our business)."""
    match = _FORM.fullmatch(label or "")
    if not match:
        return None
    try:
        lease_until = datetime.strptime(match["lease"], _LEASE).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Token(match[0], match["store"], match["name"], lease_until)


def check_name(name: str) -> None:
    """Raises UsageError when a deployment cannot have this name."""
    if not is_name(name):
        raise UsageError(
            f"{name!r} cannot be a deployment's name",
            hint="up to 63 lower case letters, digits, dots, dashes, underscores: give one with --name",
        )


def is_name(name: str) -> bool:
    """Whether a deployment may have this name: lower case letters, digits, dot, dash, underscore, 63 at most."""
    return _NAME.fullmatch(name) is not None
