"""`cloudgpu emulator start | stop | status | fault`: both providers on this machine, with a clock that runs fast."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from cloudgpu.emulator.process import EmulatorStatus

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the `emulator` group."""
    group = typer.Typer(no_args_is_help=True, help="Vast.ai and RunPod on this machine: rehearse all, pay nothing.")
    group.command("start")(start)
    group.command("stop")(stop)
    group.command("status")(status)
    group.command("fault")(fault)
    app.add_typer(group, name="emulator")


def start(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1. 0: the last one when free, else any.")] = 0,
    speed: Annotated[float, typer.Option(help="How many times faster than real its clock runs.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The market to draw, for a new world.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the old world, its instances and its bill.")] = False,
    json: AsJson = False,
) -> None:
    """Start it in the background. A world from before goes on where it stopped, with whatever is still rented."""
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli.session import open_session
    from cloudgpu.emulator import process

    if not 0.01 <= speed <= 100_000:
        raise UsageError(f"a clock cannot run at {speed:g} times", hint="--speed takes 0.01 to 100000")
    if not 0 <= port <= 65_535:
        raise UsageError(f"{port} is no port", hint="--port takes 1 to 65535, or 0 for any")
    state_dir = open_session().settings.state_dir
    before = process.status(state_dir)
    already = before is not None and process.is_alive(before) and not fresh
    running = process.start(state_dir, port=port, speed=speed, seed=seed, fresh=fresh)
    _show(running, json=json, opening="The emulator runs already." if already else "The emulator runs.")
    _say_what_did_not_change(running, already=already, port=port, speed=speed, json=json)


def stop(json: AsJson = False) -> None:
    """Stop it. What is rented stays rented: its clock, and so its bill, stand still until it is started again."""
    from cloudgpu.cli import render
    from cloudgpu.cli.session import open_session
    from cloudgpu.emulator import process

    state_dir = open_session().settings.state_dir
    last = process.status(state_dir)
    rented = process.call(last, "GET", "/emulator/status")["instances"] if last and process.is_alive(last) else []
    stopped = process.stop(state_dir)
    if json:
        render.out_json({"stopped": stopped, "rented": rented})
        return
    render.text("The emulator is stopped." if stopped else "The emulator was not running.")
    if rented:
        labels = ", ".join(_name(row) for row in rented)
        render.warning(f"Still rented: {labels}. Its clock and its bill stand still until the next start.")


def status(json: AsJson = False) -> None:
    """Show where it listens, what is rented, what it has charged, and how to point other tools at it."""
    from cloudgpu.cli import render
    from cloudgpu.cli.session import open_session
    from cloudgpu.emulator import process

    last = process.status(open_session().settings.state_dir)
    if last is not None and process.is_alive(last):
        _show(last, json=json, opening="The emulator runs.")
    elif json:
        render.out_json({"running": False})
    else:
        render.text("The emulator is not running.")
        render.text("Start it with: cloudgpu emulator start")


def fault(
    on: Annotated[str, typer.Argument(help="search, create, list, show, destroy, state, logs, charges, instance …")],
    do: Annotated[str, typer.Argument(help="timeout, 502, 504_after_effect, empty, engine_dies, host_offline …")],
    times: Annotated[int, typer.Option(help="How often.")] = 1,
    skip: Annotated[int, typer.Option(help="Let so many calls through first.")] = 0,
    label: Annotated[str | None, typer.Option(help="The instance, by its label; without it the next created.")] = None,
    after_s: Annotated[float | None, typer.Option(help="Seconds of its clock until an instance's turn.")] = None,
    provider: Annotated[str, typer.Option(help="Whose API or instance: vast or runpod.")] = "vast",
) -> None:
    """Make something go wrong: a call of the API, or an instance. `fault clear all` takes everything back."""
    from cloudgpu.base.errors import ConflictError, UsageError
    from cloudgpu.cli import render
    from cloudgpu.cli.session import open_session
    from cloudgpu.emulator import process

    last = process.status(open_session().settings.state_dir)
    if last is None or not process.is_alive(last):
        raise ConflictError("the emulator is not running", hint="start it with `cloudgpu emulator start`")
    if on == "clear":
        process.call(last, "DELETE", "/emulator/faults")
        render.text("No fault waits any more.")
        return
    script = {
        "on": on,
        "do": do,
        "times": times,
        "skip": skip,
        "label": label,
        "after_s": after_s,
        "provider": provider,
    }
    given = {name: value for name, value in script.items() if value is not None}
    answer = process.call(last, "POST", "/emulator/faults", given, refusal=UsageError)
    waiting = [f"{row['on']}: {row['do']}" for row in answer["faults"]]
    render.text(f"Faults that wait: {', '.join(waiting) or 'none (it has struck)'}")


def _show(running: "EmulatorStatus", *, json: bool, opening: str) -> None:
    from cloudgpu.cli import render
    from cloudgpu.emulator import process

    found = process.call(running, "GET", "/emulator/status")
    if json:
        render.out_json(_as_json(running, found))
        return
    render.text(opening)
    render.pairs(_rows(running, found))
    _show_instances(found["instances"])
    render.note("Other tools reach it like Vast.ai and RunPod themselves:")
    for name in ("VAST_URL", "RUNPOD_API_BASE_URL"):
        render.shell(f"export {name}={running.url}")
    for name in ("VAST_API_KEY", "RUNPOD_API_KEY"):
        render.shell(f"export {name}={running.api_key.reveal()}")


def _rows(running: "EmulatorStatus", found: dict[str, Any]) -> list[tuple[str, str]]:
    from decimal import Decimal

    from cloudgpu.cli import render

    return [
        ("address", running.url),
        ("clock", f"{found['now'][:19].replace('T', ' ')} UTC, {running.speed:g} times as fast as real"),
        ("market", f"{found['machines']} machines, {found['offers']} offers, seed {found['seed']}"),
        ("charged", f"{render.money(Decimal(found['bill_usd']), 4)} of play money so far"),
        ("rented", _count(found["instances"])),
    ]


def _show_instances(rows: list[dict[str, Any]]) -> None:
    from decimal import Decimal

    from cloudgpu.cli import render

    if not rows:
        return
    columns = [
        render.Column("instance"),
        render.Column("label"),
        render.Column("GPU", drop=1),
        render.Column("state"),
        render.Column("$/h", right=True),
        render.Column("so far", right=True),
    ]
    cells = [
        [
            str(row["instance_id"]),
            row["label"] or "",
            f"{row['gpu_count']}x {row['gpu']}",
            row["stage"],
            render.money(Decimal(row["usd_per_hour"]), 4),
            render.money(Decimal(row["usd_so_far"]), 4),
        ]
        for row in rows
    ]
    render.table(columns, cells)


def _as_json(running: "EmulatorStatus", found: dict[str, Any]) -> dict[str, Any]:
    key = running.api_key.reveal()
    environment = {
        "VAST_URL": running.url, "VAST_API_KEY": key, "RUNPOD_API_BASE_URL": running.url, "RUNPOD_API_KEY": key,
    }  # fmt: skip
    return {
        "running": True,
        "url": running.url,
        "pid": running.pid,
        "speed": running.speed,
        "environment": environment,
        **{key: found[key] for key in ("now", "seed", "machines", "offers", "bill_usd", "credit_usd", "instances")},
    }


def _say_what_did_not_change(running: "EmulatorStatus", *, already: bool, port: int, speed: float, json: bool) -> None:
    from cloudgpu.cli import render

    other_port = port != 0 and not running.url.endswith(f":{port}")
    if already and not json and (other_port or speed != running.speed):
        render.note("It keeps the port and speed it has; `cloudgpu emulator stop` first to change them.")


def _count(rows: list[dict[str, Any]]) -> str:
    return "nothing" if not rows else "1 instance" if len(rows) == 1 else f"{len(rows)} instances"


def _name(row: dict[str, Any]) -> str:
    return str(row["label"] or row["instance_id"])
