"""Tells somebody outside: runs a command, posts to a webhook in the form that its service reads, or sends an e-mail."""

import os
import smtplib
import subprocess
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote, urlsplit

import requests

from cloudgpu.running.alert_target import Target

_TIMEOUT_S = 15.0
_SHELL_SAYS = {126: " (it may not be run)", 127: " (there is no such program)"}
_WANTS_SMTP = "CLOUDGPU_SMTP names no mail server"


def send(target: Target, message: str, smtp_url: str | None = None) -> str | None:
    """Tell it. None when it was told, else why not, in words without the target's own. Calls the network, or runs it.

    `smtp_url` is smtp://user:password@host:587 (smtps:// for TLS from the first byte); e-mail needs it.
    """
    try:
        if target.command:
            return _run(target.command, message)
        if target.webhook:
            return _post(target.webhook, target.form or "json", message)
        return _mail(target.email or "", message, smtp_url)
    except (TimeoutError, requests.Timeout, subprocess.TimeoutExpired):
        return f"no answer within {_TIMEOUT_S:.0f} s"
    except (requests.ConnectionError, ConnectionError):
        return "it cannot be reached"
    except smtplib.SMTPAuthenticationError:
        return "the mail server refuses the user or the password"
    except (OSError, requests.RequestException, smtplib.SMTPException) as error:
        return type(error).__name__


def _run(command: str, message: str) -> str | None:
    environment = {**os.environ, "CLOUDGPU_ALERT": message}
    done = subprocess.run(command, shell=True, env=environment, timeout=_TIMEOUT_S, capture_output=True, check=False)
    status = done.returncode
    return f"it ended with {status}{_SHELL_SAYS.get(status, '')}" if status else None


def _post(url: str, form: str, message: str) -> str | None:
    if form == "ntfy":
        answer = requests.post(url, data=message.encode(), headers={"Title": "cloudgpu"}, timeout=_TIMEOUT_S)
    else:
        key = {"slack": "text", "discord": "content"}.get(form, "message")
        answer = requests.post(url, json={key: message}, timeout=_TIMEOUT_S)
    return None if answer.ok else f"it answered {answer.status_code}"


def _mail(to: str, message: str, smtp_url: str | None) -> str | None:
    server = _server(smtp_url or "")
    if server is None:
        return _WANTS_SMTP
    parts, host, port = server
    letter = EmailMessage()
    letter["Subject"], letter["To"] = message.splitlines()[0][:120], to
    letter["From"] = unquote(parts.username) if parts.username and "@" in parts.username else to
    letter.set_content(message)
    opener = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    with opener(host, port, timeout=_TIMEOUT_S) as open_server:
        if parts.password:
            if parts.scheme == "smtp":
                open_server.starttls()
            open_server.login(unquote(parts.username or ""), unquote(parts.password))
        open_server.send_message(letter)
    return None


def _server(smtp_url: str) -> tuple[SplitResult, str, int] | None:
    """The address in parts, its host and port (0: the usual one); None for what is no mail server's."""
    try:
        parts = urlsplit(smtp_url)
        known = parts.scheme in ("smtp", "smtps") and parts.hostname
        return (parts, parts.hostname or "", parts.port or 0) if known else None
    except ValueError:
        return None
