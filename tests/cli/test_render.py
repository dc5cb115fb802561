"""What is shown is exact, fits the terminal, and is the same value as the JSON."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.cli import render
from cloudgpu.cli.render import Column


@dataclass(frozen=True)
class Thing:
    price: Decimal
    key: Secret
    at: datetime


def test_json_keeps_money_exact_hides_secrets_and_says_its_schema(capsys):
    render.out_json({"thing": Thing(Decimal("0.10"), Secret("sk"), datetime(2026, 1, 2, tzinfo=UTC))})
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert document["thing"] == {"price": "0.1", "key": "••••", "at": "2026-01-02T00:00:00Z"}


def test_a_long_line_goes_on_below_its_beginning_and_stays_one_line_for_programs(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    render.hanging("V01  ", "a flag that is gone since the last release of it")
    assert capsys.readouterr().out.splitlines() == ["V01  a flag that is gone since the last", "     release of it"]
    monkeypatch.delenv("COLUMNS")
    render.hanging("V01  ", "word " * 60)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_what_is_said_beside_a_result_folds_where_the_terminal_ends(capsys, monkeypatch):
    line = "Emulated, 60 times as fast as time passes: this is how fast the emulator is, not a card."
    monkeypatch.setenv("COLUMNS", "40")
    render.progress(line)
    render.alarm(line)
    told = capsys.readouterr().err.splitlines()
    assert all(len(each) <= 40 for each in told)
    assert " ".join(" ".join(told).split()) == f"{line} ! {line}"
    monkeypatch.delenv("COLUMNS")
    render.progress(line)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_narrow_terminal_loses_columns_not_letters(capsys, monkeypatch):
    columns = [Column("gpu"), Column("where", drop=2), Column("price", right=True), Column("disk", drop=1)]
    rows = [["RTX 4090 with a long name", "British Columbia, CA", "$0.36", "1234 GB"]]
    monkeypatch.setenv("COLUMNS", "45")
    render.table(columns, rows)
    narrow = capsys.readouterr().out
    assert "British" not in narrow
    assert "RTX 4090 with a long name" in narrow
    assert "1234 GB" in narrow
    monkeypatch.setenv("COLUMNS", "120")
    render.table(columns, rows)
    assert "British Columbia, CA" in capsys.readouterr().out


def test_brackets_in_a_name_are_no_markup(capsys):
    render.text("host [red]evil[/red]")
    assert "[red]evil[/red]" in capsys.readouterr().out


def test_an_escape_sequence_in_a_name_does_not_reach_the_terminal(capsys):
    evil = "Oslo \x1b[31mEvil\x07"
    render.text(evil)
    render.table([Column("where")], [[evil]])
    render.pairs([("where", evil)])
    out = capsys.readouterr().out
    assert "Evil" in out
    assert "\x1b" not in out
    assert "\x07" not in out


@pytest.mark.parametrize(
    ("seconds", "shown"), [(42, "42 s"), (271, "4 min 31 s"), (7500, "2 h 05 min"), (100_000, "1 d 3 h")]
)
def test_durations_in_words(seconds, shown):
    assert render.duration(seconds) == shown


def test_small_amounts_keep_the_digits_that_say_something():
    assert render.money(Decimal("0.0123")) == "$0.0123"
    assert render.money(Decimal("12.3456")) == "$12.35"


def test_nobody_there_to_confirm_is_an_error_and_never_a_yes(monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(UsageError):
        render.confirm("Rent it?")


def test_a_phase_that_came_to_nothing_is_not_ticked_off(capsys):
    with render.live(ManualClock()) as progress:
        progress.phase("loading", "weights 50%")
        progress.phase("", over=False)
        progress.phase("destroying")
        progress.phase("failed", "out of memory", over=False)
    told = capsys.readouterr().err.splitlines()
    assert [line.split()[:2] for line in told] == [["✗", "loading"], ["✓", "destroying"], ["✗", "failed"]]
    assert "weights 50%" in told[0]


def test_phases_are_told_with_their_time_on_stderr(capsys):
    clock = ManualClock()
    with render.live(clock) as progress:
        progress.phase("download", "14.5 GB")
        clock.sleep(150)
        progress.phase("load")
    out, err = capsys.readouterr()
    assert out == ""
    assert "✓ download" in err
    assert "2 min 30 s" in err
