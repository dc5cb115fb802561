"""Whether those who are to be told of a budget can be told."""

from collections.abc import Iterator

from cloudgpu.cli.alerts.untold import untold_json, untold_notes
from cloudgpu.cli.budget.state import read_budget
from cloudgpu.cli.doctor.check import Check, Verdict
from cloudgpu.cli.session import Session
from cloudgpu.running.alert_target import read_targets


def alert_checks(session: Session) -> Iterator[Check]:
    """One check where there is a budget or a target. Sends nothing."""
    standing = read_budget(session)
    targets = read_targets(session.settings.state_dir)
    if standing.budget is None and not targets:
        return
    facts = {"targets": [each.shown for each in targets], "untold": untold_json(session, standing)}
    failed = untold_notes(session, standing)
    if failed:
        yield Check(about="alerts", verdict=Verdict.ATTENTION, text="; ".join(failed), facts=facts)
    elif targets:
        whose = "a budget" if standing.budget else "a budget, and none is set"
        text = f"{len(targets)} to be told at 50, 80 and 100 % of {whose}"
        yield Check(about="alerts", verdict=Verdict.OK, text=text, facts=facts)
    else:
        hint = "cloudgpu budget alert --webhook URL | --command … | --email …"
        yield Check(about="alerts", verdict=Verdict.ABSENT, text="nobody is told of the budget", hint=hint, facts=facts)
