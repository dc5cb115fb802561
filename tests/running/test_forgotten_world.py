"""What was rented in a world of the emulator that is no more: nobody is asked about it, and `down` takes it off."""

from types import SimpleNamespace

import pytest
import typer

from cloudgpu.accounting.report import report
from cloudgpu.base.errors import CloudgpuError
from cloudgpu.base.settings import read_settings
from cloudgpu.cli import session as sessions
from cloudgpu.cli.cost import reading
from cloudgpu.cli.cost.reconcile import reconcile
from cloudgpu.cli.down import down
from cloudgpu.cli.forgotten_world import is_forgotten
from cloudgpu.cli.gc import gc
from cloudgpu.cli.session import Session
from cloudgpu.cli.status import status

SAID = "mistral was rented in a world of the emulator that is no more (emulator start --fresh)"
TODO = "take it off the books: cloudgpu down mistral"


class EmulatedSession(Session):
    """A session whose emulator is the paper provider, in the world that `world` tells of."""

    def provider(self, name):
        return self.desk.provider

    def clock(self, name):
        return self.desk.clock

    def emulator_status(self):
        return self.world

    def emulator_runs(self):
        return True


@pytest.fixture
def session(desk, monkeypatch):
    desk.provider.name = "emulator"
    monkeypatch.setattr("cloudgpu.cli.awake.ready_when_it_answers", lambda each, *_: each)
    monkeypatch.setattr("cloudgpu.running.deployment.vitals.note_work", lambda *_, **__: None)
    monkeypatch.setattr("cloudgpu.cli.sweeping._where_to_look", lambda _: ("emulator",))
    made = EmulatedSession(read_settings({"HOME": str(desk.path), "XDG_STATE_HOME": str(desk.path)}))
    made.__dict__["store"], made.desk = desk.store, desk
    made.world = SimpleNamespace(accounts=("account-1", "user-1"), opened_at=desk.clock.now(), stopped_at=None)
    monkeypatch.setattr(sessions, "open_session", lambda: made)
    return made


@pytest.fixture
def forgotten(desk, session):
    """Rented for an hour, seen last then; after it another world began, in which the number is another instance's."""
    mine = desk.up()
    told(session)
    desk.wait(3600)
    session.counted_usd = told(session)[0].total.total_usd
    desk.provider.machines[mine.instance_id].label = "somebody-else"
    desk.provider.account_id = "account-2"
    session.world = SimpleNamespace(accounts=("account-2", "user-2"), opened_at=desk.clock.now(), stopped_at=None)
    desk.wait(7200)
    return mine


def told(session, **how):
    history, moments, notes, worst = reading.read(session, **{"offline": False, **how})
    return report(history, moments), notes, worst


def end_of(command):
    try:
        command()
    except typer.Exit as end:
        return end.exit_code
    except CloudgpuError as error:
        return error.exit_status
    return 0


@pytest.mark.parametrize("offline", [False, True])
def test_cost_counts_it_until_it_was_seen_last_and_says_what_to_do(session, forgotten, offline):
    found, notes, worst = told(session, offline=offline)
    assert notes == [f"{SAID}: {TODO}."]
    assert worst is None
    assert (found.billing_now, found.burn_usd_per_hour) == ((), 0)
    assert found.total.total_usd == session.counted_usd > 0
    assert all(each.balance.at >= session.world.opened_at for each in found.purses)


def test_nobody_is_asked_about_it_at_the_new_world(desk, session, forgotten, capsys):
    asked = []
    desk.provider.hook = asked.append
    assert end_of(lambda: status(False, False, False)) == 1
    assert asked == []
    err = " ".join(capsys.readouterr().err.split())
    assert SAID in err
    assert TODO in err
    assert end_of(lambda: gc(None, False, False, False, False, None, False)) == 1
    assert asked == ["instances"]  # the sweep: what bills in this world
    told(session)
    assert "bill" not in asked


def test_the_new_worlds_bill_is_not_laid_beside_it(desk, session, forgotten, capsys):
    assert end_of(lambda: reconcile(None, None, False)) in (0, 1)
    out = capsys.readouterr().out
    assert "Instance 1000 is on the bill" in out  # somebody else's, with the number of ours
    assert "metered" not in out


def test_down_takes_it_off_the_books_and_destroys_nothing_of_the_new_world(desk, session, forgotten, monkeypatch):
    monkeypatch.setattr("cloudgpu.cli.withdrawn.withdraw", lambda _: SimpleNamespace(withdrawn=[], heirs={}))
    before = told(session)[0]
    assert end_of(lambda: down("mistral", False, False, True, False)) == 0
    assert desk.provider.destroys == []
    assert desk.store.deployments() == []
    found, notes, _ = told(session)
    assert (found.total, found.doubt_usd, notes) == (before.total, before.doubt_usd, [])


@pytest.mark.parametrize("account", [None, "key-0123456789abcdef", "account-1/key-0123456789abcdef", "user-1"])
def test_what_may_be_of_this_world_is_asked_about(session, account):
    assert not is_forgotten(session, "emulator-runpod", account)
    assert not is_forgotten(session, "runpod", "somebody")
