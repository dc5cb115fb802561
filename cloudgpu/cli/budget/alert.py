"""`cloudgpu budget alert` and `budget check`: who is told when a share of a budget is used."""

from typing import TYPE_CHECKING, Annotated

import typer

from cloudgpu.cli.budget.limits import AsJson

if TYPE_CHECKING:
    from cloudgpu.accounting.budget import Use
    from cloudgpu.cli.session import Session


def alert(
    command: Annotated[str | None, typer.Option(help="A shell command; the message is in $CLOUDGPU_ALERT.")] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Slack, Discord, ntfy, or any that reads JSON.")
    ] = None,
    form: Annotated[str | None, typer.Option(help="slack, discord, ntfy or json; by default told by the URL.")] = None,
    email: Annotated[
        str | None, typer.Option(help="An address; needs CLOUDGPU_SMTP=smtp://user:password@host:587.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Forget all targets.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Send a message to every target now.")] = False,
) -> None:
    """Say who is told at 50, 80 and 100 % of a budget. Without an option, list the targets."""
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli import render
    from cloudgpu.cli.session import open_session
    from cloudgpu.running.alerts import FORMS, Target, form_of, read_targets, write_targets

    session = open_session()
    folder = session.settings.state_dir
    if form is not None and form not in FORMS:
        raise UsageError(f"there is no form {form!r}", hint=f"one of {', '.join(FORMS)}")
    new = [
        *([Target(command=command)] if command else []),
        *([Target(webhook=webhook, form=form or form_of(webhook))] if webhook else []),
        *([Target(email=email)] if email else []),
    ]
    targets = [*([] if clear else read_targets(folder)), *new]
    if new or clear:
        write_targets(folder, targets)
    for target in targets:
        render.text(target.shown)
    if not targets:
        render.text("Nobody is told.")
    if test:
        tell_targets(session, "cloudgpu: this is a test of your budget alerts.")


def check(json: AsJson = False) -> None:
    """Tell the targets of every threshold that was newly reached. For cron; `cloudgpu watch` does it too.

    Exit status 1 when a limit is used up, or a target could not be told.
    """
    from cloudgpu.cli import render
    from cloudgpu.cli.budget.state import read_budget
    from cloudgpu.cli.session import open_session

    session = open_session()
    _, found = read_budget(session)
    told, failed = tell_new(session, found)
    if json:
        render.out_json({"told": told, "failed": failed, "used_up": [use.scope for use in found if use.percent >= 100]})
    else:
        for line in told or ["No threshold was newly reached."]:
            render.text(line)
    if failed or any(use.percent >= 100 for use in found):
        raise typer.Exit(1)


def tell_new(session: "Session", found: "list[Use]") -> tuple[list[str], list[str]]:
    """Tell the targets of thresholds that were not told of this month: what was told, and what could not be sent.

    What reached no target at all is tried again the next time.
    """
    from cloudgpu.base.clock import SystemClock
    from cloudgpu.base.events import Event, EventKind
    from cloudgpu.running.alerts import read_targets

    now = SystemClock().now()
    month = f"{now:%Y-%m}"
    known = {
        (event.data["scope"], event.data["percent"], event.data["month"])
        for event in session.events()
        if event.kind is EventKind.ALERTED
    }
    new = [use for use in found if use.crossed and (use.scope, use.crossed, month) not in known]
    told, failed = [], []
    for use in new:
        told.append(_message(use))
        unreached = tell_targets(session, told[-1])
        failed += unreached
        if unreached and len(unreached) == len(read_targets(session.settings.state_dir)):
            continue
        data = {"scope": use.scope, "percent": use.crossed, "month": month}
        session.emit(Event(kind=EventKind.ALERTED, at=now, data=data))
    return told, failed


def _message(use: "Use") -> str:
    from cloudgpu.base.money import show_usd

    gone = f", gone at {use.breach_at:%Y-%m-%d %H:%M} UTC at this burn" if use.breach_at else ""
    whose = "The month's budget" if use.scope == "month" else f"The budget of {use.scope}"
    return f"{whose} is {use.percent} % used: {show_usd(use.spent_usd)} of {show_usd(use.limit_usd)}{gone}."


def tell_targets(session: "Session", message: str) -> list[str]:
    """Send a message to every target; which ones could not be told, and why. Calls the network."""
    import os

    from cloudgpu.cli import render
    from cloudgpu.running.alerts import read_targets, send

    targets = read_targets(session.settings.state_dir)
    failed = [why for target in targets if (why := send(target, message, os.environ.get("CLOUDGPU_SMTP")))]
    for why in failed:
        render.progress(f"Could not tell {why}")
    return failed
