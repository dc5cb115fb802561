"""Where alerts go: a command, a webhook in the form that its service reads, or an e-mail address.

Kept in a private file beside the journal, never in an event: a webhook's address is a secret.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from email.errors import MessageError
from email.headerregistry import Address
from hashlib import sha256
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cloudgpu.base.errors import BadFileError, UsageError
from cloudgpu.base.shell_command import check_command
from cloudgpu.base.whole_file import write_whole

FORMS = ("slack", "discord", "ntfy", "json")
_FORMS = {"hooks.slack.com": "slack", "discord.com": "discord", "discordapp.com": "discord", "ntfy.sh": "ntfy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an alert goes: exactly one of a shell command, a webhook with its form, or an e-mail address."""

    command: str | None = None
    webhook: str | None = None
    form: str | None = None
    email: str | None = None

    @property
    def shown(self) -> str:
        """The target without what is secret in it."""
        if self.webhook:
            return f"webhook at {urlsplit(self.webhook).hostname} ({self.form})"
        return f"command: {self.command}" if self.command else f"e-mail to {self.email}"

    @property
    def fingerprint(self) -> str:
        """The same for the same target, and nothing of it can be read from it: what the journal knows it by."""
        return sha256(repr((self.command, self.webhook, self.email)).encode()).hexdigest()[:16]


def command_target(command: str) -> Target:
    """A shell command, which will run from any folder. Runs nothing but the shell's own check of it.

    Raises UsageError for what the shell cannot read, and for a program that is not there.
    """
    if not command.strip():
        raise UsageError("the command is empty", hint="--command 'notify-send \"$CLOUDGPU_ALERT\"'")
    return Target(command=check_command(command))


def webhook_target(url: str, form: str | None = None) -> Target:
    """A webhook in this form, or in the one that its host tells. Raises UsageError for what can be no webhook."""
    if form is not None and form not in FORMS:
        raise UsageError(f"there is no form {form!r}", hint=f"one of {', '.join(FORMS)}")
    told = form_of(url)
    if told != "json" and not urlsplit(url).path.strip("/"):
        raise UsageError(f"the webhook names no {told} channel, only the host", hint="copy the whole address")
    return Target(webhook=url, form=form or told)


def email_target(address: str) -> Target:
    """An e-mail address. Raises UsageError for what is none."""
    try:
        read = Address(addr_spec=address)
        good = bool(read.username and read.domain)
    except (ValueError, IndexError, MessageError):
        good = False
    if not good:
        raise UsageError(f"{address!r} is no e-mail address", hint="one address: --email me@example.org")
    return Target(email=address)


def form_of(url: str) -> str:
    """The form that a webhook's service reads, told by its host; `json` for one we do not know.

    Raises UsageError for what is no http(s) address.
    """
    parts = _parts(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", url):
        raise UsageError("the webhook is no http address", hint="https://hooks.slack.com/services/…")
    name = parts.hostname
    return next((form for host, form in _FORMS.items() if name == host or name.endswith(f".{host}")), "json")


def targets_path(state_dir: Path) -> Path:
    """The file that keeps the targets."""
    return state_dir / "alerts.json"


def read_targets(state_dir: Path) -> list[Target]:
    """The targets that were kept; none when there is no file. Raises BadFileError when it cannot be read."""
    path = targets_path(state_dir)
    try:
        return [Target(**each) for each in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise BadFileError(f"{path} cannot be read: {error}", hint="remove it and set the alerts again") from None


def write_targets(state_dir: Path, targets: Iterable[Target]) -> None:
    """Keep the targets, readable by their owner alone. Raises BadFileError."""
    path = targets_path(state_dir)
    text = json.dumps([asdict(each) for each in targets], indent=2)
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, text, private=True)
    except OSError as error:
        raise BadFileError(f"{path} cannot be written: {error.strerror}", hint="is the folder yours?") from None


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if parts.port is None or parts.port else None
    except ValueError:  # a port that is no number, a bracket that is not closed
        return None
