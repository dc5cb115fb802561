"""Text, JSON and exit status give the same advice, by what answers: also while a migration waits at its gates."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
import typer

from cloudgpu.base.errors import CloudgpuError, ConflictError
from cloudgpu.cli import session as sessions
from cloudgpu.cli.migrate import sight as cli_sight
from cloudgpu.cli.migrate import verbs
from cloudgpu.cli.migrate.rental import agreed_again
from cloudgpu.cli.migrate.sight import follow_it
from cloudgpu.cli.migrate.world import still_open
from cloudgpu.moving import forward, resuming, running_acts
from cloudgpu.moving.footing import waits
from cloudgpu.moving.gates.judge import Judgement
from cloudgpu.moving.gates.verdict import Check, Outcome, Verdict
from cloudgpu.moving.sight import Sight
from cloudgpu.moving.state import MigrationState
from cloudgpu.moving.strategy import Strategy
from cloudgpu.running.health import Health
from cloudgpu.running.providers.base import InstanceState
from cloudgpu.running.records import DeploymentState

TO_NEW = ["cloudgpu migrate promote --full", "cloudgpu migrate finalize"]


@pytest.fixture
def session(session, monkeypatch):
    for room in (sessions, cli_sight):
        monkeypatch.setattr(room, "open_session", lambda: session)
    return session


@pytest.fixture
def silent(monkeypatch):
    """The names of the sides that answer nothing any more."""
    names = set()
    dead = Health(ready=False, phase="silent", detail="connection refused")
    well = Health(ready=True, phase="ready", detail="", text="Paris.")
    monkeypatch.setattr(Sight, "_health", lambda _, life: dead if life.name in names else well)
    return names


@pytest.fixture
def paused(move, session, silent, monkeypatch):
    """A migration whose gates could not tell."""

    def unclear(old, new, _thresholds, clock, **_more):
        check = Check(gate="bench", name="TTFT", outcome=Outcome.INCONCLUSIVE, reason="too few to tell")
        return Judgement(verdict=Verdict(old=old.name, new=new.name, at=clock.now(), checks=(check,)), evidence=None)

    monkeypatch.setattr(running_acts, "judge", unclear)
    now = forward.go_forward(move.migration, move.acts)
    assert now.state is MigrationState.PAUSED
    return now


def shown(capsys, *, as_json):
    capsys.readouterr()
    verbs.status(None, offline=False, as_json=as_json)
    return capsys.readouterr().out


def test_at_a_pause_at_the_gates_nobody_is_sent_back_to_a_dead_old_side(move, paused, silent, capsys):
    silent.add("mistral")
    text, told = shown(capsys, as_json=False), json.loads(shown(capsys, as_json=True))["migration"]
    what = "lead all requests to qwen, and stop paying for mistral"
    assert told["next"][0] == {"what": what, "once": None, "commands": TO_NEW}
    assert (told["old"]["stands"], told["new"]["stands"]) == ("silent", "answers")
    for way in told["next"]:
        assert f"{way['what'][1:]}:  {', then '.join(way['commands'])}" in text
    assert "mistral does not answer, and bills $0.3100 per hour all the same." in text
    with pytest.raises(CloudgpuError, match="mistral has the requests of mistral and does not answer") as found:
        follow_it(None, once=True, as_json=False)
    assert (found.value.exit_status, all(each in found.value.hint for each in TO_NEW)) == (1, True)


def test_what_follow_says_as_json_is_what_it_ends_with(move, paused, silent, session, capsys):
    silent.add("mistral")
    capsys.readouterr()
    with pytest.raises(typer.Exit) as ended:
        follow_it(None, once=True, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert ended.value.exit_code == 1
    assert told["migration"]["next"][0]["commands"] == TO_NEW
    assert all(each in told["error"]["hint"] for each in TO_NEW)
    assert TO_NEW[0] in still_open(session, move.saved()).hint


@pytest.mark.parametrize("state", [MigrationState.WARMING, MigrationState.VALIDATING])
def test_while_it_warms_a_dead_old_side_is_said_and_a_script_does_not_go_on(move, paused, silent, state, capsys):
    move.acts.save(replace(paused, state=state, paused_at=None, problem=None, verdict=None))
    follow_it(None, once=True, as_json=False)  # both answer
    silent.add("mistral")
    told = json.loads(shown(capsys, as_json=True))["migration"]
    assert told["next"][0]["commands"] == ["cloudgpu migrate resume"]
    assert all("--force" in " ".join(each["commands"]) for each in told["next"] if "abort" in each["commands"][0])
    with pytest.raises(CloudgpuError, match="mistral has the requests of mistral and does not answer"):
        follow_it(None, once=True, as_json=False)


def test_status_looks_at_both_sides_once_each_and_nobody_decides_by_it(move, paused, capsys):
    calls = []
    move.provider.hook = calls.append
    shown(capsys, as_json=True)
    assert calls.count("instances") == 1
    assert move.saved().state is MigrationState.PAUSED
    assert len(move.provider.billing()) == 2


def test_a_side_that_recovers_says_how_far_it_is(move, session, silent, capsys):
    forward.go_forward(replace(move.migration, strategy=Strategy(auto_rollback=False)), move.acts)
    silent.add("qwen")
    shown(capsys, as_json=True)
    silent.clear()
    assert json.loads(shown(capsys, as_json=True))["migration"]["recovery"]["looks"] == 1
    assert "qwen failed a look and passes again, 2 of 3 looks so far" in shown(capsys, as_json=False)


@pytest.fixture
def interrupted(move, session):
    """The new side was coming up when its command was killed; then its machine stopped."""
    loading = replace(move.desk.up("qwen"), service="mistral", state=DeploymentState.LOADING, ready_at=None)
    move.store.save_deployment(loading)
    move.acts.save(replace(move.migration, state=MigrationState.PROVISIONING))
    return loading


@pytest.mark.parametrize(
    ("state", "why"),
    [(InstanceState.STOPPED, "was stopped (not from here)"), (InstanceState.OUTBID, "was outbid")],
)
def test_a_new_side_that_stopped_before_it_answered_is_told_with_what_bills_and_the_right_word(
    move, session, interrupted, state, why, capsys
):
    move.provider.machines[interrupted.instance_id].state = state
    with pytest.raises(ConflictError) as refusal:
        resuming.resume(move.saved(), move.acts)
    assert refusal.value.message == (
        f"qwen (instance {interrupted.instance_id} at paper) {why} before it ever answered; its disk bills $0.0100 per "
        "hour"
    )
    assert "--name" not in refusal.value.hint
    assert "cloudgpu down qwen --force, then cloudgpu migrate resume" in refusal.value.hint
    assert "give qwen up: cloudgpu migrate abort" in refusal.value.hint
    assert (move.saved().state, move.saved().problem) == (MigrationState.PROVISIONING, refusal.value.message)
    text, told = shown(capsys, as_json=False), json.loads(shown(capsys, as_json=True))["migration"]
    assert (told["new"]["stands"], told["new"]["usd_per_hour_now"]) == (state.value, "0.01")
    assert ["cloudgpu down qwen --force", "cloudgpu migrate resume"] in [each["commands"] for each in told["next"]]
    assert "its disk bills $0.0100 per hour" in text
    assert text.count("its disk bills") == 1
    with pytest.raises(CloudgpuError, match="before it ever answered; its disk bills"):
        follow_it(None, once=True, as_json=False)
    assert len(move.provider.creates) == 2, "nothing was rented beside it"


def test_one_whose_disk_costs_nothing_is_not_said_to_bill(move, interrupted):
    free = replace(interrupted, state=DeploymentState.STOPPED, shown_usd_per_hour=Decimal(0))
    assert waits(free).endswith("before it ever answered; it is charged nothing now, though it exists")


def test_resume_asks_nobody_to_rent_beside_a_side_that_stands_still(move, session, interrupted):
    move.store.save_deployment(replace(interrupted, state=DeploymentState.STOPPED))
    now = move.saved()
    assert agreed_again(session, now, yes=False) == now


def test_one_that_answered_once_and_loads_again_is_gone_on_with_when_it_answers(
    move, session, interrupted, monkeypatch
):
    again = replace(interrupted, ready_at=interrupted.since)
    move.store.save_deployment(again)
    monkeypatch.setattr(running_acts, "ready_when_it_answers", lambda life, *_: life)
    with pytest.raises(ConflictError, match="answered before and loads again, and bills") as refusal:
        resuming.resume(move.saved(), move.acts)
    assert "--name" not in refusal.value.hint
    monkeypatch.setattr(
        running_acts, "ready_when_it_answers", lambda life, *_: replace(life, state=DeploymentState.READY)
    )
    assert resuming.resume(move.saved(), move.acts).state is MigrationState.PROMOTED
