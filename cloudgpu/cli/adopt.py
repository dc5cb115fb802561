"""`cloudgpu adopt`: take an instance of ours that the journal does not know into it."""

import contextlib
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("adopt")(adopt)


def adopt(
    instance_id: Annotated[str, typer.Argument(help="The instance, as `cloudgpu gc` lists it.")],
    provider: Annotated[
        list[str] | None, typer.Option(help="Where it is; default: wherever there is a key, and an emulator that runs.")
    ] = None,
    foreign: Annotated[
        bool, typer.Option("--foreign", help="Also one that another installation of cloudgpu made.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Take an orphan into the journal, so that status, logs, cost, leases and down know it. Nothing is removed.

    Only an instance whose label has cloudgpu's exact form. The key of its endpoint stands in the journal that made it
    and nowhere else.
    """
    from cloudgpu.base.errors import CloudgpuError, ConflictError, NotFoundError
    from cloudgpu.cli import render
    from cloudgpu.cli.deployment_view import as_row
    from cloudgpu.cli.markets import check_providers
    from cloudgpu.cli.session import open_session
    from cloudgpu.cli.sweeping import look_everywhere
    from cloudgpu.running.deployment import DeploymentState, read_bill, refresh
    from cloudgpu.running.sweep import Why, adopted

    session = open_session()
    found = look_everywhere(session, check_providers(provider or []))
    finding = next((each for each in found.findings if each.view.instance_id == instance_id), None)
    if finding is None or finding.why is Why.EXPIRED:
        if found.failures:
            raise found.failures[0]
        raise NotFoundError(
            f"there is no orphan of ours with the id {instance_id}", hint="what there is: cloudgpu gc, cloudgpu status"
        )
    if finding.why is Why.FOREIGN and not foreign:
        raise ConflictError(
            f"instance {instance_id} was made by another installation of cloudgpu that shares the account",
            hint=f"if that one is no more: cloudgpu adopt {instance_id} --foreign",
        )
    name = finding.provider
    at, clock = session.provider(name), session.clock(name)
    taken = adopted(finding, at, session.store, clock.now(), state=DeploymentState.PROVISIONING)
    session.store.save_deployment(taken)
    taken = refresh(taken, at, session.store, clock, session.emit)
    with contextlib.suppress(CloudgpuError):  # what it cost before is then told with the next bill
        read_bill(taken, at, session.emit, clock)
    if as_json:
        return render.out_json({"deployment": as_row(session, taken)})
    return render.text(f"{taken.name} is in the journal now: instance {instance_id} at {name}, {taken.state.value}.")
