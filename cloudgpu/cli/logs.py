"""`cloudgpu logs`: the last lines that a deployment printed."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cloudgpu.cli.session import Session
    from cloudgpu.running.deployment import Deployment

_SHAPES = r"hf_[A-Za-z0-9]{20,}", r"sk-cloudgpu-[A-Za-z0-9_-]{20,}"
"""Keys by their shape: one that was sent to the instance may not be the one that is set here today."""


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("logs")(logs)


def logs(
    name: Annotated[str, typer.Argument(help="The deployment.")],
    tail: Annotated[int, typer.Option(min=1, help="How many lines.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with how far the start has come.")] = False,
) -> None:
    """Print the last lines of a deployment's log. Keys that stand in it are hidden."""
    from cloudgpu.base.secret import REDACTED
    from cloudgpu.cli import render
    from cloudgpu.cli.session import open_session
    from cloudgpu.cli.the_deployment import the_deployment

    session = open_session()
    found = the_deployment(session, name)
    text = session.provider(found.provider).logs(found.instance_id or "", tail)
    keys = _keys(session, found.service)
    lines = [keys.sub(REDACTED, line) for line in text.splitlines()]
    if as_json:
        return render.out_json(_document(found, lines))
    for line in lines:
        render.text(line)
    if not text.strip():
        render.progress(f"{name} has printed nothing yet.")
    return None


def _document(found: "Deployment", lines: list[str]) -> dict[str, object]:
    """The lines, the phase that they tell of, and the line after which it never serves, with its remedy."""
    from cloudgpu.serving.engine_log import fatal_in, phase_of

    phase, detail = phase_of("\n".join(lines))
    fatal = fatal_in("\n".join(lines))
    return {
        "name": found.name, "provider": found.provider, "instance_id": found.instance_id, "lines": lines,
        "phase": phase, "detail": detail, "fatal": fatal and {"line": fatal.line, "remedy": fatal.remedy},
    }  # fmt: skip


def _keys(session: "Session", service_name: str) -> re.Pattern[str]:
    """Whatever must not be seen: the keys of the service, the Hub and the accounts, and what has the shape of one."""
    settings, service = session.settings, session.store.service(service_name)
    known = [each.value for each in (settings.hf_token, settings.vast_key, settings.runpod_key) if each]
    known += [service.api_key] if service else []
    lives = session.store.deployments(include_gone=True)
    known += [each.api_key for each in lives if each.service == service_name and each.api_key]
    return re.compile("|".join([*(re.escape(each.reveal()) for each in known if each), *_SHAPES]))
