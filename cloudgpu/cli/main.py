"""The entry point: builds the command tree and turns every error into one sentence, a hint and an exit status."""

import errno
import gc
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cloudgpu import __version__
from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, StoppedByUserError, UsageError
from cloudgpu.cli.help_text import fold_help

_COMMAND_FILES = (
    "plan", "estimate", "pack", "models", "gpus", "offers",
    "up", "status", "logs", "down", "gc", "adopt", "lease", "watch", "doctor", "bench", "compare", "lint",
    "validate_profile", "profile", "render_as", "template", "gateway", "migrate", "cost", "budget", "advise", "metrics",
    "dashboard", "emulator", "demo",
)  # fmt: skip

_PARSER_STOPPED = 130

gc.set_threshold(100_000)  # a command lives for a blink: walking its young objects is a fiftieth of an offline plan

app = typer.Typer(
    name="cloudgpu",
    help="Plan, rent, serve, migrate and account for language models on rented GPUs (Vast.ai, RunPod).",
    epilog="No key? Everything works on the emulator: add --provider emulator, or run: cloudgpu demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> NoReturn:
    """Run the command line and exit with the status that `cloudgpu.base.errors` documents."""
    status = _printed(_run())
    _be_deaf()
    sys.exit(_vouch(status))


def _run() -> int:
    try:
        app()
    except CloudgpuError as error:
        return _report(error)
    except KeyboardInterrupt:
        return _report(StoppedByUserError("stopped", hint="see what is rented: cloudgpu status"))
    except BrokenPipeError:
        _close_stdout()
        return 1
    except SystemExit as end:
        return _status_of(end)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            return _unprinted(error)
        if os.environ.get("CLOUDGPU_DEBUG"):
            raise
        return _report(_unexpected(error))
    return 0


def _printed(status: int) -> int:
    """The status, once all that was to be printed is out: a full disk may speak as late as now."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()
        return status or 1
    except OSError as error:
        return _unprinted(error)
    return status


def _unprinted(error: OSError) -> int:
    _close_stdout()
    hint = "what was done is done: cloudgpu status"
    return _report(CloudgpuError(f"the output cannot be written: {error.strerror}", hint=hint))


def _close_stdout() -> None:
    """Nobody can read it any more: say nothing there, at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _be_deaf() -> None:
    """What is left is a few lines to say: no signal that would be a Ctrl-C may cut them off."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_IGN)


def _status_of(end: SystemExit) -> int:
    """The parser's own endings, in our words: it calls Ctrl-C 130, and tells usage errors on stderr alone."""
    status = end.code if isinstance(end.code, int) else int(end.code is not None)
    if status == _PARSER_STOPPED:
        return _report(StoppedByUserError("stopped", hint="see what is rented: cloudgpu status"))
    if status == UsageError.exit_status and _as_json():
        _document(UsageError("the command line is wrong", hint="the reason stands on stderr"))
    return status


def _vouch(status: int) -> int:
    """Whatever the command was: while something may bill that nobody can vouch for, say so and exit with 6."""
    session = sys.modules.get("cloudgpu.cli.session")
    if session is None or status == CleanupFailedError.exit_status:
        return status
    try:
        lines = session.unsettled()
    except CloudgpuError:
        return status
    for line in lines:
        typer.secho(f"! {line}", err=True, bold=True)
    return CleanupFailedError.exit_status if lines else status


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"cloudgpu {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_tell_version),
    ] = False,
) -> None:
    """Where no command is wanted, the option itself must answer: a group asks for its command first."""


def _report(error: CloudgpuError) -> int:
    _be_deaf()
    if _as_json():
        _document(error)
    typer.echo(f"Error: {error.message}", err=True)
    if error.hint:
        typer.echo(f"Hint: {error.hint}", err=True)
    return error.exit_status


def _as_json() -> bool:
    return "--json" in sys.argv[1:]


def _document(error: CloudgpuError) -> None:
    from cloudgpu.cli.render import out_json  # rich is loaded only when something is shown

    out_json({"error": {"code": error.code, "message": error.message, "hint": error.hint}})


def _unexpected(error: Exception) -> CloudgpuError:
    what = f"{type(error).__name__}: {error}"
    return CloudgpuError(
        f"something went wrong that cloudgpu does not know: {what} (details in {_crash_file()})",
        hint="see what is rented: cloudgpu status; set CLOUDGPU_DEBUG=1 to see the whole trace",
    )


def _crash_file() -> Path | str:
    import traceback  # only when something broke

    from cloudgpu.base.settings import read_settings

    path = read_settings().state_dir / "last-crash.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(traceback.format_exc(), encoding="utf-8")
    except OSError as failure:
        return f"no file: {failure}"
    return path


def _needed() -> tuple[str, ...]:
    """The files that this command line can mean: one when it begins with a command, else all (help, a slip, a test)."""
    typed = sys.argv[1] if len(sys.argv) > 1 else ""
    renamed = {"render": "render_as", "validate-profile": "validate_profile"}  # `cli.render` shows things
    named = renamed.get(typed, typed)
    return (named,) if named in _COMMAND_FILES else _COMMAND_FILES


for _name in _needed():
    importlib.import_module(f"cloudgpu.cli.{_name}").register(app)
fold_help(app)
