"""Every failure is one sentence, a hint and a documented exit status; no traceback reaches a user."""

import json
import os
import signal
import sys

import pytest

from cloudgpu import __version__
from cloudgpu.base.errors import CleanupFailedError, NothingFitsError, StoppedByUserError
from cloudgpu.cli import main as entry
from cloudgpu.cli.interrupt import end_like_ctrl_c


def run(monkeypatch, error, *arguments):
    monkeypatch.setattr(sys, "argv", ["cloudgpu", *arguments])

    def app():
        raise error

    monkeypatch.setattr(entry, "app", app)
    with pytest.raises(SystemExit) as end:
        entry.main()
    return end.value.code


def test_the_version_is_told_without_a_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["cloudgpu", "--version"])
    with pytest.raises(SystemExit) as end:
        entry.main()
    assert (end.value.code, capsys.readouterr().out) == (0, f"cloudgpu {__version__}\n")


def test_an_error_is_a_sentence_and_a_hint_on_stderr(monkeypatch, capsys):
    status = run(monkeypatch, NothingFitsError("no offer fits", hint="raise --max-price"))
    out, err = capsys.readouterr()
    assert (status, out, err) == (3, "", "Error: no offer fits\nHint: raise --max-price\n")


def test_with_json_the_error_is_on_stdout_too(monkeypatch, capsys):
    status = run(monkeypatch, CleanupFailedError("C.1 may still bill", instance_id="1"), "down", "--json")
    document = json.loads(capsys.readouterr().out)
    assert status == 6
    assert document == {
        "schema_version": 1,
        "error": {"code": "cleanup_failed", "message": "C.1 may still bill", "hint": None},
    }


def test_an_unknown_failure_shows_no_traceback_and_keeps_it_in_a_file(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    status = run(monkeypatch, ZeroDivisionError("oops"))
    err = capsys.readouterr().err
    assert status == 1
    assert "Traceback" not in err
    assert "cloudgpu status" in err
    assert "ZeroDivisionError" in (tmp_path / "cloudgpu" / "last-crash.txt").read_text()


def test_ctrl_c_says_where_to_look(monkeypatch, capsys):
    assert run(monkeypatch, KeyboardInterrupt()) == 1
    assert "cloudgpu status" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_cuts_no_last_words_off(monkeypatch, capsys, signals, number):
    end_like_ctrl_c()
    monkeypatch.setattr(entry, "_vouch", lambda status: os.kill(os.getpid(), number) or status)
    monkeypatch.setattr(entry, "_as_json", lambda: bool(os.kill(os.getpid(), number)))
    status = run(monkeypatch, StoppedByUserError("stopped; everything that was created is gone again"))
    assert (status, capsys.readouterr().err) == (1, "Error: stopped; everything that was created is gone again\n")


@pytest.fixture
def signals():
    """The three that end a command, handled as in a fresh process, and put back."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
