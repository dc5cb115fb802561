"""The run of `cloudgpu gc`: settle, list, and on request destroy."""

from collections.abc import Sequence
from functools import partial

import typer

from cloudgpu.base.errors import CloudgpuError, NotFoundError, worst_of
from cloudgpu.cli import render
from cloudgpu.cli.full_journal import acted, is_the_journals, not_noted
from cloudgpu.cli.left_behind import left_behind, what_removes
from cloudgpu.cli.markets import check_providers
from cloudgpu.cli.render import Column
from cloudgpu.cli.session import Session
from cloudgpu.cli.sweeping import Found, check_clock, is_migrating, look_everywhere
from cloudgpu.cli.withdrawn import withdraw
from cloudgpu.running.deployment import Deployment, DeploymentState, is_left_behind, take_down
from cloudgpu.running.deployment.lease import ends_now
from cloudgpu.running.sweep import Finding, Why, adopted


def run(
    session: Session, providers: Sequence[str], *, destroy: bool, expired: bool, foreign: bool, yes: bool, as_json: bool
) -> None:
    """See `cloudgpu.cli.gc.gc`. Destroys only with `destroy`, and after a yes."""
    asked = check_providers(providers)
    looked = acted(session, lambda: _looked(session, asked))
    found, failures, settled = looked.findings, looked.failures, looked.deployments
    alone = [left_behind(session, each) for each in _alone(session, found, settled)]
    if not as_json:
        for each in settled:
            _say(session, each)
        _show(found, failures, alone)
        _say_where(looked.looked_at)
    wanted = _wanted(session, looked, expired=expired, foreign=foreign) if destroy else []
    left = found
    if wanted and (yes or render.confirm(f"Remove {len(wanted)} of {len(found)} instances?")):
        removed, failed = _removed(session, wanted)
        failures += failed
        left = [each for each in found if each not in removed]
    try:
        acted(session, lambda: withdraw(session))
    except CloudgpuError as error:
        failures.append(error)
    unnoted = not_noted(session)
    if unnoted is not None:
        failures.append(unnoted)
    if as_json:
        render.out_json({**_document(found, settled, failures), "looked_at": looked.looked_at})
    _end(left, alone, failures, as_json=as_json)


def unlock(session: Session, name: str) -> None:
    """Remove a lock whose holder is no more. Raises NotFoundError when there is none of that name."""
    if not session.store.unlock(name):
        raise NotFoundError(f"there is no lock {name}", hint="the error that named it shows how it is written")
    render.text(f"The lock {name} is removed.")


def _looked(session: Session, providers: Sequence[str]) -> Found:
    """Raises what a journal that takes nothing more made of the look: then it is taken once more, on a copy."""
    found = look_everywhere(session, providers)
    for each in found.failures:
        if is_the_journals(each):
            raise each
    return found


def _wanted(session: Session, looked: Found, *, expired: bool, foreign: bool) -> list[Finding]:
    """What is to be removed. What only a wrong clock would end stays, and is one of the failures."""
    wanted = []
    for each in looked.findings:
        try:
            if _may_go(session, each, expired=expired, foreign=foreign):
                wanted.append(each)
        except CloudgpuError as error:
            looked.failures.append(error)
    return wanted


def _may_go(session: Session, finding: Finding, *, expired: bool, foreign: bool) -> bool:
    """Raises ConflictError where its lease would end it, and this machine's clock is not to be trusted."""
    known = finding.deployment
    if finding.why is not Why.EXPIRED or known is None:
        return finding.is_orphan or (foreign and finding.why is Why.FOREIGN)
    if is_migrating(session, known):
        render.progress(f"{known.name} is part of an open migration: cloudgpu migrate status")
        return False
    if not expired and ends_now(known, session.clock(finding.provider).now()) is None:
        return False
    check_clock(session, finding.provider)
    return True


def _removed(session: Session, wanted: Sequence[Finding]) -> tuple[list[Finding], list[CloudgpuError]]:
    removed: list[Finding] = []
    failed: list[CloudgpuError] = []
    for finding in wanted:
        try:
            acted(session, partial(_remove, session, finding))
            removed.append(finding)
        except CloudgpuError as error:
            failed.append(error)
    return removed, failed


def _remove(session: Session, finding: Finding) -> None:
    """Through the journal like any other end: recorded before, verified after."""
    name = finding.provider
    provider, clock = session.provider(name), session.clock(name)
    known = finding.deployment
    if finding.why in (Why.EXPIRED, Why.SPARE) and known is not None:
        deployment = known
    else:
        deployment = adopted(finding, provider, session.store, clock.now())
        session.store.save_deployment(deployment)
    take_down(deployment, provider=provider, store=session.store, clock=clock, emit=session.emit)
    render.progress(f"Instance {finding.view.instance_id} is gone.")


def _document(
    found: Sequence[Finding], settled: Sequence[Deployment], failures: Sequence[CloudgpuError]
) -> dict[str, object]:
    """One document, at the very end: a command that is cut short before prints its error alone."""
    return {
        "findings": [_row(each) for each in found],
        "settled": [{"name": each.name, "state": each.state} for each in settled],
        "errors": [{"code": each.code, "message": each.message, "hint": each.hint} for each in failures],
    }


def _alone(session: Session, found: Sequence[Finding], settled: Sequence[Deployment]) -> list[Deployment]:
    """What an `up` that was cut short left loading: it bills, and no command waits for it."""
    spare = {each.view.instance_id for each in found if each.why is Why.SPARE}
    return [each for each in settled if is_left_behind(each, session.store) and each.instance_id not in spare]


def _show(found: Sequence[Finding], failures: Sequence[CloudgpuError], alone: Sequence[str]) -> None:
    if not found:
        nothing = "Nothing else that is unwanted bills." if alone else "Nothing unwanted bills."
        return None if failures else render.text(nothing)
    columns = (
        Column("NAME"), Column("INSTANCE"), Column("LABEL", drop=3), Column("STATE", drop=2),
        Column("$/H", right=True, drop=1), Column("WHY"),
    )  # fmt: skip
    return render.table(columns, [_cells(each) for each in found])


def _say_where(looked_at: Sequence[str]) -> None:
    """What bills elsewhere, nobody knows."""
    if looked_at:
        render.text(f"Looked at: {', '.join(looked_at)}.")


def _say(session: Session, settled: Deployment) -> None:
    """What became of a deployment that some command left behind; nothing of those that simply serve."""
    what = f"{settled.name} (instance {settled.instance_id or 'none'})"
    if settled.state.is_unsettled:
        render.text(f"{what} is {settled.state.value}: {settled.last_error or 'nobody knows its end'}")
    elif settled.state is DeploymentState.GONE:
        render.text(f"{what} is gone: its end, asked for before, was carried through.")
    elif settled.state is DeploymentState.ABANDONED:
        render.text(f"{settled.name} was never rented: two complete listings, apart in time, lack it.")
    elif settled.state.is_unwell:
        render.text(
            f"{what} is {settled.state.value}, at {render.money(settled.usd_per_hour_now, 4)}/h: {settled.last_error}; "
            f"{what_removes(session, settled)}."
        )


def _row(finding: Finding) -> dict[str, object]:
    view = finding.view
    return {
        "provider": finding.provider,
        "instance_id": view.instance_id,
        "label": view.label,
        "state": view.state,
        "usd_per_hour": view.gpu_usd_per_hour + view.disk_usd_per_hour,
        "why": finding.why.name.lower(),
        "lease_until": finding.token.lease_until,
    }


def _cells(finding: Finding) -> list[str]:
    view = finding.view
    price = render.money(view.gpu_usd_per_hour + view.disk_usd_per_hour, 4)
    return [finding.token.name, view.instance_id, view.label or "", view.state.value, price, finding.why.value]


def _end(left: Sequence[Finding], alone: Sequence[str], failures: Sequence[CloudgpuError], *, as_json: bool) -> None:
    """Say what could not be done, and what bills on; that counts most. `alone` says it of what nobody waits for."""
    orphans = [each for each in left if each.is_orphan]
    worst = worst_of(failures)
    bills = bool(orphans or alone)
    for error in failures:
        if as_json or bills or error is not worst:
            typer.echo(f"Error: {error.message}", err=True)
    for each in alone:
        render.alarm(each)
    if orphans:
        render.alarm(f"{len(orphans)} of these are ours and unwanted, and bill. Remove them: cloudgpu gc --destroy")
    if bills:
        raise typer.Exit(6)
    if worst is not None and as_json:
        raise typer.Exit(worst.exit_status)  # its words stand in the document already
    if worst is not None:
        raise worst
