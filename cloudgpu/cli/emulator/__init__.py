"""`cloudgpu emulator start | stop | status | advance | fault`: both providers on this machine, on a fast clock."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloudgpu.cli.emulator import fault
from cloudgpu.cli.emulator.fault import running_emulator

if TYPE_CHECKING:
    from cloudgpu.emulator.process import EmulatorStatus

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the `emulator` group."""
    group = typer.Typer(no_args_is_help=True, help="Vast.ai and RunPod on this machine: rehearse all, pay nothing.")
    group.command("start")(start)
    group.command("stop")(stop)
    group.command("status")(status)
    group.command("advance")(advance)
    fault.register(group)
    app.add_typer(group, name="emulator")


def start(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1. 0: the last one when free, else any.")] = 0,
    speed: Annotated[float, typer.Option(help="How many times as fast as real its clock runs. 0: it stands.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The market to draw, for a new world.")] = 1,
    faults: Annotated[Path | None, typer.Option(help="A YAML script of faults to begin with.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the old world, its instances and its bill.")] = False,
    json: AsJson = False,
) -> None:
    """Start it in the background. A world from before goes on where it stopped, with whatever is still rented."""
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli.session import open_session
    from cloudgpu.emulator import process

    if speed != 0 and not 0.01 <= speed <= 100_000:
        raise UsageError(f"a clock cannot run at {speed:g} times", hint="--speed takes 0.01 to 100000, or 0 to stand")
    if not 0 <= port <= 65_535:
        raise UsageError(f"{port} is no port", hint="--port takes 1 to 65535, or 0 for any")
    seed = _seed(faults, seed)
    state_dir = open_session().settings.state_dir
    before = process.status(state_dir)
    already = before is not None and process.is_alive(before) and not fresh
    started = process.start(state_dir, port=port, speed=speed, seed=seed, fresh=fresh, fault_file=faults)
    _show(started, json=json, opening="The emulator runs already." if already else "The emulator runs.")
    _say_what_did_not_change(started, already=already, port=port, speed=speed, faults=faults is not None, json=json)


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


def advance(
    length: Annotated[str, typer.Argument(help="How much of its time: seconds, or 90s, 30m, 8h, 2d.")],
    json: AsJson = False,
) -> None:
    """Let time pass on a clock that stands (one started with --speed 0), and let happen what it brings."""
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli import render
    from cloudgpu.cli.option_values import seconds_or_length
    from cloudgpu.emulator import process

    body = {"seconds": seconds_or_length(length, "advance")}
    answer = process.call(running_emulator(), "POST", "/emulator/advance", body, refusal=UsageError)
    if json:
        render.out_json({"now": answer["now"]})
    else:
        render.text(f"It is {_moment(answer['now'])} now.")


def _seed(faults: "Path | None", seed: int) -> int:
    """The seed of the script when it names one; read here, so that a mistake in it is said before anything starts."""
    if faults is None:
        return seed
    from cloudgpu.emulator.faults.script import read_fault_file

    own = read_fault_file(faults).seed
    return seed if own is None else own


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
        ("clock", f"{_moment(found['now'])}, {_pace(running.speed)}"),
        ("market", f"{found['machines']} machines, {found['offers']} offers, seed {found['seed']}"),
        ("charged", f"{render.money(Decimal(found['bill_usd']), 4)} of play money so far"),
        ("rented", _count(found["instances"])),
    ]


def _moment(utc: str) -> str:
    return f"{utc[:19].replace('T', ' ')} UTC"


def _pace(speed: float) -> str:
    return f"{speed:g} times as fast as real" if speed else "standing until it is moved"


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


def _say_what_did_not_change(
    running: "EmulatorStatus", *, already: bool, port: int, speed: float, faults: bool, json: bool
) -> None:
    from cloudgpu.cli import render

    other_port = port != 0 and not running.url.endswith(f":{port}")
    if already and not json and (other_port or speed != running.speed):
        render.note("It keeps the port and speed it has; `cloudgpu emulator stop` first to change them.")
    if already and faults and not json:
        render.warning("Its faults are as they were: a script is read at a start alone. Stop it first.")


def _count(rows: list[dict[str, Any]]) -> str:
    return "nothing" if not rows else "1 instance" if len(rows) == 1 else f"{len(rows)} instances"


def _name(row: dict[str, Any]) -> str:
    return str(row["label"] or row["instance_id"])
