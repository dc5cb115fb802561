"""`cloudgpu offers blocked|block|unblock`: the machines that failed before and are left alone for a while."""

from collections.abc import Sequence
from datetime import timedelta

from cloudgpu.base.clock import utc_text
from cloudgpu.base.errors import NotFoundError, UsageError
from cloudgpu.cli import render
from cloudgpu.cli.render import Column
from cloudgpu.cli.session import EMULATED, Session
from cloudgpu.planning.blocklist import Blocked, block, blocked_machines, unblock


def act(
    session: Session,
    action: str,
    machine: str | None,
    providers: Sequence[str],
    *,
    why: str,
    days: float,
    as_json: bool,
) -> None:
    """Change the list as asked, then show it. No network, and the journal is not opened.

    Raises UsageError for a block without one provider, NotFoundError when there is nothing to take off.
    """
    if action == "block":
        _block(session, machine or "", providers, why, timedelta(days=days))
    if action == "unblock":
        _unblock(session, machine or "", providers)
    _show(_listed(session), as_json=as_json)


def _block(session: Session, machine: str, providers: Sequence[str], why: str, stay: timedelta) -> None:
    if len(providers) != 1:
        raise UsageError("a machine's number means something at one provider only", hint="add --provider vast")
    [provider] = providers
    block(session.settings.state_dir, provider, machine, why, session.clock(provider).now(), stay)


def _unblock(session: Session, machine: str, providers: Sequence[str]) -> None:
    number = None if machine == "all" else machine
    freed = sum(unblock(session.settings.state_dir, number, provider) for provider in (providers or (None,)))
    if not freed:
        raise NotFoundError(f"no machine {machine!r} is on the list", hint="see it: cloudgpu offers blocked")
    render.progress(f"{freed} machine{'s' * (freed != 1)} taken off the list.")


def _listed(session: Session) -> list[Blocked]:
    """Whatever is on the list by its own provider's time: the emulator's runs apart."""
    state_dir = session.settings.state_dir
    real = [each for each in blocked_machines(state_dir, session.clock("vast").now()) if each.provider not in EMULATED]
    for name in EMULATED:
        real += [each for each in blocked_machines(state_dir, session.clock(name).now()) if each.provider == name]
    return sorted(real, key=lambda each: (each.until, each.provider, each.machine_id))


def _show(listed: Sequence[Blocked], *, as_json: bool) -> None:
    if as_json:
        return render.out_json({"blocked": [
            {"provider": each.provider, "machine_id": each.machine_id, "until": utc_text(each.until), "why": each.why}
            for each in listed
        ]})  # fmt: skip
    if not listed:
        return render.text("No machine is left alone: none has failed lately.")
    rows = [[each.provider, each.machine_id, f"{each.until:%Y-%m-%d %H:%M} UTC", each.why] for each in listed]
    render.table([Column("from"), Column("machine"), Column("until"), Column("why")], rows,
                 title="Machines that no plan takes")  # fmt: skip
    return render.note("Try one again: cloudgpu offers unblock MACHINE")
