"""`cloudgpu emulator fault add | list | clear | kinds`: make something go wrong, on purpose."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from cloudgpu.emulator.process import EmulatorStatus

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def register(group: typer.Typer) -> None:
    """Add the `fault` group to the `emulator` one."""
    faults = typer.Typer(no_args_is_help=True, help="Let calls fail, instances take a bad turn, engines answer wrong.")
    faults.command("add")(add)
    faults.command("list")(show)
    faults.command("clear")(clear)
    faults.command("kinds")(kinds)
    group.add_typer(faults, name="fault")


def add(
    on: Annotated[str, typer.Argument(help="A call (create, list, destroy …), instance, engine, health or market.")],
    do: Annotated[str, typer.Argument(help="What goes wrong; `fault kinds` lists it all.")],
    provider: Annotated[str, typer.Option(help="Whose API or instance: vast or runpod.")] = "vast",
    times: Annotated[int | None, typer.Option(help="How often. 0: until it is cleared.  [default: 1]")] = None,
    skip: Annotated[int, typer.Option(help="Let so many calls through first.")] = 0,
    chance: Annotated[float | None, typer.Option(help="Strike so often, 0 to 1, drawn from the seed.")] = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="The instance, by its deployment's name or its label; or -o instance_id=ID; else the next one."
        ),
    ] = None,
    option: Annotated[list[str] | None, typer.Option("-o", "--option", help="NAME=VALUE that this kind reads.")] = None,
    json: AsJson = False,
) -> None:
    """Make something go wrong. Example: `fault add instance outbid --label my-model -o after_s=600`."""
    from cloudgpu.base.errors import UsageError
    from cloudgpu.emulator import process

    script: dict[str, Any] = {"on": on, "do": do, "provider": provider, "skip": skip, **_options(option or [])}
    named = {"chance": chance, "label": label, "times": times}
    script |= {name: value for name, value in named.items() if value is not None}
    if times == 0:
        script["times"] = None
    answer = process.call(running_emulator(), "POST", "/emulator/faults", script, refusal=UsageError)
    _print(answer["faults"], json=json, none="It has struck: no fault waits.")


def show(json: AsJson = False) -> None:
    """List the faults that wait."""
    from cloudgpu.emulator import process

    answer = process.call(running_emulator(), "GET", "/emulator/faults")
    _print(answer["faults"], json=json, none="No fault waits.")


def clear(json: AsJson = False) -> None:
    """Take every fault back that has not struck yet."""
    from cloudgpu.emulator import process

    answer = process.call(running_emulator(), "DELETE", "/emulator/faults")
    _print(answer["faults"], json=json, none="No fault waits any more.")


def kinds(
    on: Annotated[str | None, typer.Argument(help="Only what can be put on this.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only what this market has: vast or runpod.")] = None,
    json: AsJson = False,
) -> None:
    """List everything that can be made to go wrong, and the options that it reads."""
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli import render
    from cloudgpu.emulator.faults.kinds import BOTH, KINDS

    found = [
        kind for kind in KINDS if (on is None or on in kind.on) and (provider is None or provider in kind.providers)
    ]
    if not found:
        places = ", ".join(sorted({place for kind in KINDS for place in kind.on}))
        raise UsageError("there is no such place or provider", hint=f"places: {places}; providers: {', '.join(BOTH)}")
    if json:
        render.out_json({"kinds": found})
        return
    columns = [
        render.Column("on", drop=2), render.Column("do"), render.Column("what happens"),
        render.Column("provider", drop=3), render.Column("reads", drop=1),
    ]  # fmt: skip
    render.table(columns, [[_places(kind.on), kind.do, kind.says, *_tail(kind)] for kind in found])


def running_emulator() -> "EmulatorStatus":
    """The emulator that runs. Raises ConflictError when none does."""
    from cloudgpu.base.errors import ConflictError
    from cloudgpu.cli.session import open_session
    from cloudgpu.emulator import process

    last = process.status(open_session().settings.state_dir)
    if last is None or not process.is_alive(last):
        raise ConflictError("the emulator is not running", hint="start it with `cloudgpu emulator start`")
    return last


def _options(given: list[str]) -> dict[str, str]:
    from cloudgpu.base.errors import UsageError

    pairs = [each.partition("=") for each in given]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise UsageError(f"{name or equals!r} is no option of a fault", hint="write it as -o seconds=30")
    return {name: value for name, _, value in pairs}


def _print(rows: list[dict[str, Any]], *, json: bool, none: str) -> None:
    from cloudgpu.cli import render

    if json:
        render.out_json({"faults": rows})
        return
    if not rows:
        render.text(none)
        return
    names = ("provider", "on", "do", "times", "skip", "chance", "label")
    cells = [[_cell(name, row[name]) for name in names] for row in rows]
    render.table([render.Column(name, drop=int(name in ("skip", "chance"))) for name in names], cells)


def _cell(name: str, value: object) -> str:
    if value is None:
        return "for ever" if name == "times" else "always" if name == "chance" else ""
    return str(value)


def _places(places: tuple[str, ...]) -> str:
    from cloudgpu.emulator.faults.kinds import CALLS

    return "any call" if places == CALLS else ", ".join(places)


def _tail(kind: Any) -> tuple[str, str]:  # noqa: ANN401 - FaultKind, which is not loaded at start-up
    whose = "both" if len(kind.providers) > 1 else kind.providers[0]
    return whose, ", ".join(kind.reads)
