"""`cloudgpu budget alert` and `budget check`: who is told when a share of a budget is used."""

from typing import TYPE_CHECKING, Annotated

import typer

from cloudgpu.cli.budget.limits import AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudgpu.cli.alerts.telling import Sent
    from cloudgpu.cli.session import Session
    from cloudgpu.running.alert_target import Target

_TEST = "cloudgpu: this is a test of your budget alerts."


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
    json: AsJson = False,
) -> None:
    """Say who is told at 50, 80 and 100 % of a budget. Without an option, list the targets.

    --test also sends what a target was not told so far. Exit status 1 when a target could not be told.
    """
    from cloudgpu.cli import render
    from cloudgpu.cli.session import open_session
    from cloudgpu.running.alert_target import read_targets, write_targets

    session = open_session()
    folder = session.settings.state_dir
    new = _new_targets(command, webhook, form, email)
    kept = [] if clear else read_targets(folder)
    targets = [*kept, *(target for target in new if target not in kept)]
    if new or clear:
        write_targets(folder, targets)
    if email is not None:
        _warn_of_smtp()
    failed = _test(session, targets) if test else {}
    if json:
        render.out_json({"targets": [{"target": each.shown, "failed": failed.get(each)} for each in targets]})
    else:
        _list(targets, failed, tested=test)
    if failed:
        raise typer.Exit(1)


def check(json: AsJson = False) -> None:
    """Tell the targets of what was newly reached, and what they were not told yet. For cron; `watch` does it too.

    Exit status 1 when a limit is used up, or a target could not be told.
    """
    from cloudgpu.cli import render
    from cloudgpu.cli.alerts.telling import tell_new, untold
    from cloudgpu.cli.budget.state import read_budget
    from cloudgpu.cli.session import open_session

    session = open_session()
    standing = read_budget(session)
    done = tell_new(session, standing)
    waiting = untold(session, standing)
    used_up = [use.scope for use in standing.uses if use.is_used_up]
    if json:
        sent = [
            {"target": each.target.shown, "message": each.alert.message, "tries": each.delivery.tries,
             "reason": each.delivery.reason, "given_up": each.delivery.is_given_up} for each in done.sent
        ]  # fmt: skip
        render.out_json({"new": done.new, "sent": sent, "used_up": used_up})
    else:
        if not done.new and not done.sent:
            render.text("No threshold was newly reached.")
        _say(done.new, done.sent)
    if waiting or used_up:
        raise typer.Exit(1)


def _new_targets(command: str | None, webhook: str | None, form: str | None, email: str | None) -> "list[Target]":
    from cloudgpu.base.errors import UsageError
    from cloudgpu.running.alert_target import command_target, email_target, webhook_target

    if form is not None and webhook is None:
        raise UsageError("--form tells how a webhook is written to, and none was given", hint="add --webhook URL")
    return [
        *([command_target(command)] if command is not None else []),
        *([webhook_target(webhook, form)] if webhook is not None else []),
        *([email_target(email)] if email is not None else []),
    ]


def _warn_of_smtp() -> None:
    import os

    from cloudgpu.cli import render

    if not os.environ.get("CLOUDGPU_SMTP"):
        render.progress("E-mail leaves only where CLOUDGPU_SMTP=smtp://user:password@host:587 is set: it is not, here.")


def _test(session: "Session", targets: "Sequence[Target]") -> "dict[Target, str]":
    """Send the test and what waits for those that take it; why the others did not. Calls the network."""
    import os

    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli.alerts.telling import send_now
    from cloudgpu.cli.budget.state import read_budget
    from cloudgpu.running.alerts import send

    if not targets:
        raise UsageError("there is nobody to test", hint="cloudgpu budget alert --command … | --webhook … | --email …")
    answers = {target: send(target, _TEST, os.environ.get("CLOUDGPU_SMTP")) for target in targets}
    _say([], send_now(session, read_budget(session), [target for target, why in answers.items() if why is None]))
    return {target: why for target, why in answers.items() if why is not None}


def _list(targets: "Sequence[Target]", failed: "dict[Target, str]", *, tested: bool) -> None:
    from cloudgpu.cli import render

    for target in targets:
        if target in failed:
            render.warning(f"{target.shown}: not told, {failed[target]}")
        else:
            render.text(f"{target.shown}{': told' if tested else ''}")
    if not targets:
        render.text("Nobody is told. Say who: cloudgpu budget alert --webhook URL")


def _say(new: "Sequence[str]", sent: "Sequence[Sent]") -> None:
    """Each message, and below it who took it and who did not."""
    from cloudgpu.cli import render

    for message in dict.fromkeys([*new, *(each.alert.message for each in sent)]):
        render.text(message)
        for each in sent:
            if each.alert.message == message:
                render.hanging("  ", each.line, "" if each.delivery.reason is None else "bold yellow")
