"""Tells somebody outside: a command, a webhook in the form that its service reads, or an e-mail.

Where alerts go is kept in a private file beside the journal, never in an event: a webhook's address is a secret.
"""

import json
import os
import smtplib
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

from cloudgpu.base.errors import BadFileError, UsageError
from cloudgpu.base.whole_file import write_whole

_TIMEOUT_S = 15.0
_FORMS = {"hooks.slack.com": "slack", "discord.com": "discord", "discordapp.com": "discord", "ntfy.sh": "ntfy"}
FORMS = ("slack", "discord", "ntfy", "json")


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


def form_of(url: str) -> str:
    """The form that a webhook's service reads, told by its host; `json` for one we do not know.

    Raises UsageError for what is no http(s) address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("the webhook is no http address", hint="https://hooks.slack.com/services/…")
    return next((form for host, form in _FORMS.items() if parts.hostname.endswith(host)), "json")


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


def send(target: Target, message: str, smtp_url: str | None = None) -> str | None:
    """Tell it. None when it was told, else why not, in words. Calls the network, or runs the command.

    `smtp_url` is smtp://user:password@host:587 (smtps:// for TLS from the first byte); e-mail needs it.
    """
    try:
        if target.command:
            return _run(target.command, message)
        if target.webhook:
            return _post(target.webhook, target.form or "json", message)
        return _mail(target.email or "", message, smtp_url)
    except (OSError, requests.RequestException, smtplib.SMTPException, subprocess.SubprocessError) as error:
        return f"{target.shown}: {type(error).__name__}"


def _run(command: str, message: str) -> str | None:
    environment = {**os.environ, "CLOUDGPU_ALERT": message}
    done = subprocess.run(command, shell=True, env=environment, timeout=_TIMEOUT_S, capture_output=True, check=False)
    return None if done.returncode == 0 else f"command: {command} ended with {done.returncode}"


def _post(url: str, form: str, message: str) -> str | None:
    if form == "ntfy":
        answer = requests.post(url, data=message.encode(), headers={"Title": "cloudgpu"}, timeout=_TIMEOUT_S)
    else:
        key = {"slack": "text", "discord": "content"}.get(form, "message")
        answer = requests.post(url, json={key: message}, timeout=_TIMEOUT_S)
    return None if answer.ok else f"webhook at {urlsplit(url).hostname} answered {answer.status_code}"


def _mail(to: str, message: str, smtp_url: str | None) -> str | None:
    if not smtp_url:
        return "e-mail needs CLOUDGPU_SMTP=smtp://user:password@host:587"
    parts = urlsplit(smtp_url)
    letter = EmailMessage()
    letter["Subject"], letter["To"] = message.splitlines()[0][:120], to
    letter["From"] = unquote(parts.username) if parts.username and "@" in parts.username else to
    letter.set_content(message)
    opener = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    with opener(parts.hostname or "localhost", parts.port or 0, timeout=_TIMEOUT_S) as server:
        if parts.password:
            if parts.scheme == "smtp":
                server.starttls()
            server.login(unquote(parts.username or ""), unquote(parts.password))
        server.send_message(letter)
    return None
