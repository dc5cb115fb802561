"""`watch`, `gc`, `lease` and `adopt` over a provider on paper: one line a change, and only asked-for ends."""

import dataclasses
import json
from decimal import Decimal
from types import SimpleNamespace

import pytest
import typer

from cloudgpu.accounting.budget import Budget
from cloudgpu.accounting.charge import Source
from cloudgpu.base.errors import ConflictError, RefusedKeyError
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.money import ZERO
from cloudgpu.cli import adopt, deployment_view, session, sweeping
from cloudgpu.cli.budget import hold
from cloudgpu.cli.gc import run as gc_run
from cloudgpu.cli.watch import run as watch_run
from cloudgpu.running.alert_target import Target, write_targets
from cloudgpu.running.deployment import DeploymentState, Limits
from cloudgpu.running.deployment.vitals import take_vitals
from cloudgpu.running.health import Health
from cloudgpu.running.label import new_token
from cloudgpu.running.providers.base import InstanceState


@pytest.fixture
def answers():
    return SimpleNamespace(now=True)


@pytest.fixture
def world(desk, answers, monkeypatch):
    """A session whose one provider is the paper one, and engines that answer while `answers.now`."""
    desk.provider.price_proposals = lambda: ()
    desk.provider.headroom = lambda: SimpleNamespace(clock_ahead_s=desk.ahead_s)
    desk.ahead_s = 0.0
    made = SimpleNamespace(
        store=desk.store, provider=lambda name: desk.provider, clock=lambda name: desk.clock, emit=desk.store.append,
        events=desk.store.events, looks=dict,
        settings=SimpleNamespace(state_dir=desk.path), emulator_status=lambda: None, is_asleep=lambda _: False,
    )  # fmt: skip
    monkeypatch.setattr(sweeping, "has_key", lambda *_: False)
    monkeypatch.setattr(watch_run, "withdraw", lambda _: [])
    monkeypatch.setattr(
        sweeping, "take_vitals",
        lambda each, store, clock, emit: take_vitals(
            each, store, clock, emit,
            prober=lambda *_: Health(ready=answers.now, phase="", detail=""), read=lambda _: None,
        ),
    )  # fmt: skip
    monkeypatch.setattr(session, "open_session", lambda: made)
    return made


@pytest.fixture
def watcher(world):
    return watch_run.Watcher(world, ("paper",), as_json=False)


def lines(capsys):
    return [line.split("Z  ", 1)[1] for line in capsys.readouterr().out.splitlines()]


def test_what_does_not_change_is_said_once(desk, watcher, capsys):
    desk.up()
    for _ in range(3):
        watcher.look()
    assert lines(capsys) == ["mistral: ready, $0.3100/h at paper"]


def test_silence_is_counted_aloud_and_nothing_is_removed_for_it(desk, watcher, answers, capsys):
    desk.up()
    answers.now = False
    for _ in range(5):
        watcher.look()
    assert [line.partition("; ")[2] for line in lines(capsys)] == [
        "it did not answer (1 of 3)", "it did not answer (2 of 3)", "it did not answer (3 of 3: it is down)",
    ]  # fmt: skip
    assert len(desk.provider.billing()) == 1


def test_an_end_that_was_asked_for_comes_and_another_is_only_said(desk, watcher, capsys):
    desk.up("asked", limits=Limits(lease_s=3600, ends_by_itself=True))
    other = desk.up("other", limits=Limits(lease_s=3600))
    desk.wait(7200)
    watcher.look()
    assert desk.provider.billing() == [other.instance_id]
    said = lines(capsys)
    assert any(line.startswith("asked: removed: its lease is over") for line in said)
    assert any(line.startswith("other: ready") and "its lease is over" in line for line in said)


def test_a_clock_that_is_wrong_ends_nothing(desk, watcher, capsys):
    desk.up(limits=Limits(lease_s=3600, ends_by_itself=True))
    desk.wait(7200)
    desk.ahead_s = -4000.0
    assert "clock" in watcher.look().failures[0].message
    assert len(desk.provider.billing()) == 1


@pytest.mark.parametrize("options", [{}, {"expired": True}], ids=["its own end", "--expired"])
def test_gc_ends_nothing_by_a_clock_that_is_wrong_either(desk, world, monkeypatch, capsys, options):
    desk.up(limits=Limits(lease_s=3600, ends_by_itself=not options))
    desk.wait(7200)
    desk.ahead_s = -7500.0
    with pytest.raises(ConflictError, match="2 h 05 min off paper's: no lease is ended by it"):
        sweep_up(world, monkeypatch, **options)
    assert len(desk.provider.billing()) == 1
    desk.ahead_s = 0.0
    sweep_up(world, monkeypatch, **options)
    assert desk.provider.billing() == []


def sweep_up(world, monkeypatch, **options):
    """`gc --destroy --yes` at the paper provider, unless the options say otherwise."""
    monkeypatch.setattr(gc_run, "check_providers", lambda names: names)
    monkeypatch.setattr(gc_run, "withdraw", lambda _: [])
    asked = {"destroy": True, "expired": False, "foreign": False, "yes": True, "as_json": False}
    gc_run.run(world, ["paper"], **(asked | options))


def test_gc_finds_at_an_emulator_that_runs_what_the_journal_does_not_remember(desk, world, monkeypatch, capsys, launch):
    token = new_token(desk.store.store_id, "mistral", desk.clock.now())
    orphan = desk.provider.create(next(iter(desk.provider.offers.values())), launch, token)
    monkeypatch.setattr(gc_run, "withdraw", lambda _: [])
    world.emulator_runs = lambda: True
    with pytest.raises(typer.Exit) as end:
        gc_run.run(world, [], destroy=False, expired=False, foreign=False, yes=True, as_json=False)
    assert end.value.exit_code == 6
    told = capsys.readouterr().out
    assert orphan in told
    assert "Looked at: emulator, emulator-runpod." in told


def test_what_was_removed_by_hand_is_said_to_be_gone_after_two_looks_apart(desk, watcher, capsys):
    desk.up("other")
    mine = desk.up()
    watcher.look()
    desk.provider.machines[mine.instance_id].destroyed = True
    watcher.look()
    desk.wait(60)
    watcher.look()
    assert lines(capsys)[-1].startswith("mistral: gone")
    assert desk.store.deployment("mistral").state is DeploymentState.GONE


def test_a_provider_that_cannot_be_asked_is_said_once_and_nothing_is_called_over(desk, watcher, faults, capsys):
    desk.up()
    watcher.look()
    desk.provider.hook = lambda method: (_ for _ in ()).throw(faults.unreachable)
    watcher.look()
    watcher.look()
    assert not any("no longer" in line for line in lines(capsys))


def test_what_nothing_wants_counts_more_than_what_could_not_be_asked(desk, watcher, monkeypatch, capsys):
    desk.store.save_deployment(dataclasses.replace(desk.up(), state=DeploymentState.GONE))
    refused = RefusedKeyError("the other provider refuses the key")
    monkeypatch.setattr(watch_run, "hold_budget", lambda *_: (_ for _ in ()).throw(refused))
    with pytest.raises(typer.Exit) as end:
        watch_run.run(watcher, 1, once=True)
    assert end.value.exit_code == 6
    assert "refuses the key" in capsys.readouterr().err


def test_each_change_is_a_document_of_its_own(desk, world, capsys):
    desk.up()
    watch_run.Watcher(world, ("paper",), as_json=True).look()
    told = json.loads(capsys.readouterr().out)
    assert (told["schema_version"], told["about"]) == (1, "mistral")


def test_an_orphan_of_ours_is_taken_into_the_journal_and_ends_like_any_other(desk, world, capsys, monkeypatch):
    first = desk.up()
    forgotten = dataclasses.replace(first, state=DeploymentState.GONE)
    desk.store.save_deployment(forgotten)
    monkeypatch.setattr("cloudgpu.cli.markets.check_providers", lambda _: ("paper",))
    nothing = deployment_view.Spent(usd=ZERO, doubt_usd=ZERO, source=Source.METERED)
    monkeypatch.setattr(deployment_view, "so_far", lambda *_: nothing)
    adopt.adopt(first.instance_id, provider=None, foreign=False, as_json=False)
    taken = desk.store.deployment("mistral")
    assert taken.instance_id == first.instance_id
    assert not taken.state.is_final
    assert EventKind.CHARGED in {event.kind for event in desk.store.events(taken.name)}  # what it cost before, too
    desk.down(taken)
    assert desk.provider.billing() == []


def test_gc_says_of_a_stopped_machine_what_it_costs_as_it_is(desk, world, capsys, monkeypatch):
    mine = desk.up()
    desk.provider.machines[mine.instance_id].state = InstanceState.STOPPED
    sweep_up(world, monkeypatch, destroy=False)
    assert f"(instance {mine.instance_id}) is stopped, at $0.0100/h: " in capsys.readouterr().out


def test_a_stopped_machine_is_a_change_that_is_said(desk, watcher, capsys):
    mine = desk.up()
    watcher.look()
    desk.provider.machines[mine.instance_id].state = InstanceState.STOPPED
    watcher.look()
    assert lines(capsys)[-1] == "mistral: stopped, $0.0100/h at paper"


def set_budget(desk, **limits):
    budget = Budget(**limits)
    desk.store.append(Event(kind=EventKind.BUDGET, at=desk.clock.now(), data=budget.as_data()))


def test_a_used_up_budget_with_stop_ends_what_bills_and_says_so(desk, watcher, capsys):
    desk.up()
    set_budget(desk, per_deployment={"mistral": Decimal("0.01")}, hard=True, stop=True)
    desk.clock.sleep(3600)
    watcher.look()
    assert desk.provider.billing() == []
    assert desk.store.deployments() == []
    assert any("removed: the budget of mistral is used up" in line for line in lines(capsys))


def test_a_budget_that_only_a_wrong_clock_uses_up_ends_nothing(desk, watcher):
    desk.up()
    set_budget(desk, per_deployment={"mistral": Decimal("0.01")}, hard=True, stop=True)
    desk.clock.sleep(3600)
    desk.ahead_s = -3600.0
    assert "clock" in watcher.look().failures[0].message
    assert len(desk.provider.billing()) == 1


def test_that_a_budget_ended_something_is_told_until_the_target_takes_it(desk, watcher, capsys):
    gate, heard = desk.path / "gate", desk.path / "heard"
    write_targets(desk.path, [Target(command=f'test -e {gate} && echo "$CLOUDGPU_ALERT" >> {heard}')])
    desk.up()
    set_budget(desk, per_deployment={"mistral": Decimal("0.01")}, hard=True, stop=True)
    desk.clock.sleep(3600)
    watcher.look()
    gate.touch()
    watcher.look()
    watcher.look()
    told = heard.read_text().splitlines()
    assert len(told) == 2
    assert "was removed: the budget of mistral is used up" in told[1]


def test_a_used_up_budget_without_stop_is_told_once_and_ends_nothing(desk, watcher, capsys):
    desk.up()
    set_budget(desk, monthly_usd=Decimal("0.01"), hard=True)
    desk.clock.sleep(3600)
    watcher.look()
    watcher.look()
    assert len(desk.provider.billing()) == 1
    assert len([line for line in lines(capsys) if line.startswith("budget: ")]) == 1


def test_a_destroy_that_the_budget_asked_for_and_nobody_can_confirm_may_still_bill(desk, watcher):
    desk.up()
    desk.provider.deaf_to_destroy = True
    set_budget(desk, monthly_usd=Decimal("0.01"), hard=True, stop=True)
    desk.clock.sleep(3600)
    assert [error.exit_status for error in watcher.look().failures] == [6]


def test_a_side_of_an_open_migration_outlives_the_budget_and_that_is_said(desk, watcher, capsys, monkeypatch):
    desk.up()
    monkeypatch.setattr(hold, "is_migrating", lambda *_: True)
    set_budget(desk, monthly_usd=Decimal("0.01"), hard=True, stop=True)
    desk.clock.sleep(3600)
    watcher.look()
    watcher.look()
    assert len(desk.provider.billing()) == 1
    assert len([line for line in lines(capsys) if "it bills on" in line]) == 1
