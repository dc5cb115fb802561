"""`cloudgpu lease`: until when a deployment may live, and how long without work."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("lease")(lease)


def lease(
    name: Annotated[str, typer.Argument(help="The deployment.")],
    ttl: Annotated[str | None, typer.Option(metavar="TIME", help="Ends by itself so long from now, e.g. 8h.")] = None,
    idle_stop: Annotated[
        str | None, typer.Option(metavar="TIME", help="Ends by itself after so long without work, e.g. 30m; or never.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show or change when a deployment ends by itself. `cloudgpu watch` ends it then, or `cloudgpu gc --destroy`.

    Without work is what the engine's own counters tell; of an engine that tells nothing it is unknown, and it goes on.
    """
    from cloudgpu.cli import render
    from cloudgpu.cli.deployment_view import lease_words
    from cloudgpu.cli.option_values import seconds
    from cloudgpu.cli.session import open_session
    from cloudgpu.cli.the_deployment import the_deployment
    from cloudgpu.running.deployment.lease import ended_inside_at, set_lease

    session = open_session()
    found = the_deployment(session, name)
    never = idle_stop == "never"
    ttl_s, idle_s = seconds(ttl, "--ttl"), None if never else seconds(idle_stop, "--idle-stop")
    if ttl_s or idle_s or never:
        clock = session.clock(found.provider)
        found = set_lease(found, session.store, clock, ttl_s=ttl_s, idle_stop_s=idle_s, never_idle=never)
    if as_json:
        return render.out_json(
            {
                "name": found.name,
                "lease_until": found.lease_until,
                "ends_by_itself": found.ends_by_itself,
                "idle_stop_s": found.idle_stop_s,
                "idle_since": found.idle_since,
                "ended_inside_at": ended_inside_at(found),
            }
        )
    render.text(f"{found.name}: {lease_words(found)}.")
    inside_at = ended_inside_at(found)
    if inside_at is not None and found.lease_until is not None and inside_at < found.lease_until:
        render.warning(
            f"The timer inside may end {found.name} from {inside_at:%Y-%m-%d %H:%M} UTC on, before its lease is over; "
            "nothing can postpone it. Before then, move on with cloudgpu migrate."
        )
    return None
