"""Where `up` may rent, in order, and lengths of time as they are typed."""

from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from cloudgpu.base.errors import UsageError
from cloudgpu.cli.option_values import seconds
from cloudgpu.cli.up import up
from cloudgpu.cli.up.stops import _limits


@pytest.mark.parametrize(("text", "s"), [("90s", 90), ("30m", 1800), ("8h", 28800), ("1.5h", 5400), ("2D", 172800)])
def test_a_length_of_time_is_read(text, s):
    assert seconds(text, "--ttl") == s


@pytest.mark.parametrize("text", ["", "8", "h", "-8h", "nan h", "8x", "9999d", "0m", "8 hours"])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(UsageError) as refused:
        seconds(text, "--ttl")
    assert "--ttl" in refused.value.message + (refused.value.hint or "")


def refused(monkeypatch, home, *words):
    """What `up` says when it is typed so, and that nothing was kept or begun for it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    monkeypatch.setattr("cloudgpu.cli.up.run.stops_of", lambda *_: pytest.fail("it went on"))
    app = typer.Typer()
    app.command("up")(up)
    with pytest.raises(UsageError) as refusal:
        CliRunner().invoke(app, [*words, "--provider", "emulator", "--yes"], catch_exceptions=False)
    return refusal.value


@pytest.mark.parametrize("name", ["a" * 300, "../../x", "A", "a\nb"])
def test_what_can_be_no_name_is_refused_before_anything_of_it_is_looked_up(monkeypatch, tmp_path, name):
    assert "cannot be a deployment's name" in refused(monkeypatch, tmp_path, "mistral", "--name", name).message


def test_an_empty_model_is_not_taken_for_the_last_plan(monkeypatch, tmp_path):
    assert "the model is empty" in refused(monkeypatch, tmp_path, "").message


@pytest.mark.parametrize("option", [("--gpu", "RTX 4090"), ("--context", "1024"), ("--hours", "2"), ("--unverified",)])
def test_what_is_typed_beside_a_saved_plan_is_refused_and_not_passed_over(monkeypatch, tmp_path, option):
    refusal = refused(monkeypatch, tmp_path, *option)
    assert option[0] in refusal.message
    assert f"cloudgpu up MODEL {option[0]}" in refusal.hint


def limits(number, providers, **more):
    wish = {"max_price": None, "max_wait_minutes": None, "max_attempts": 3, "max_spend": None, "hedge": 1,
            "idle_stop_s": None, "ttl_s": None, "dead_man_s": None}  # fmt: skip
    plan = SimpleNamespace(needs=SimpleNamespace(max_usd_per_hour=None, hours=24))
    return _limits(SimpleNamespace(**wish | more), plan, number, providers)


def test_an_attempt_is_kept_for_each_provider_that_comes_after():
    assert [limits(number, 2).max_attempts for number in (1, 2)] == [2, 3]
    assert limits(1, 1).max_attempts == 3


def test_a_race_may_run_whole_at_each_provider():
    assert [limits(number, 2, hedge=4).max_attempts for number in (1, 2)] == [4, 8]


def test_only_a_life_that_was_given_ends_by_itself():
    assert not limits(1, 1).ends_by_itself
    asked = limits(1, 1, ttl_s=3600.0)
    assert (asked.ends_by_itself, asked.lease_s) == (True, 3600)
