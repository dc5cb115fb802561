"""`cost` over a provider on paper: it looks before it tells what bills, and says how old that is where it cannot."""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
import typer

from cloudgpu.accounting.exports.book import open_book
from cloudgpu.accounting.exports.html import html_text
from cloudgpu.accounting.exports.markdown import markdown_text
from cloudgpu.accounting.report import report
from cloudgpu.base.errors import CloudgpuError, RefusedKeyError, UnreachableError
from cloudgpu.base.events import EventKind
from cloudgpu.base.settings import read_settings
from cloudgpu.cli.cost import reading, view
from cloudgpu.cli.session import Session
from cloudgpu.running.deployment import DeploymentState
from cloudgpu.running.providers.base import BilledLine, InstanceState

DISK, BOTH = Decimal("0.01"), Decimal("0.31")


class PaperSession(Session):
    """A session whose one provider is the paper one."""

    def provider(self, name):
        return self.desk.provider

    def clock(self, name):
        return self.desk.clock


@pytest.fixture
def session(desk, monkeypatch):
    monkeypatch.setattr(reading, "_read_counters", lambda *_, **__: None)
    made = PaperSession(read_settings({"HOME": str(desk.path), "XDG_STATE_HOME": str(desk.path)}))
    made.__dict__["store"], made.desk = desk.store, desk
    desk.provider.balance_usd = lambda: Decimal(50)
    return made


def told(session, **how):
    history, moments, notes, _ = reading.read(session, **{"offline": False, **how})
    return report(history, moments), notes


@pytest.mark.parametrize(
    ("state", "becomes"),
    [(InstanceState.OUTBID, DeploymentState.OUTBID), (InstanceState.STOPPED, DeploymentState.STOPPED)],
)
def test_what_was_stopped_burns_for_its_disk_alone_though_nobody_asked_for_its_status(desk, session, state, becomes):
    mine = desk.up()
    desk.wait(3600)
    desk.provider.machines[mine.instance_id].state = state
    found, notes = told(session)
    assert (found.burn_usd_per_hour, found.purses[0].hours_left) == (DISK, Decimal(5000))
    assert found.pace.forecast_usd < found.pace.month_usd + DISK * 24 * 31
    assert desk.store.deployment("mistral").state is becomes
    assert notes == []


def test_what_was_deleted_at_the_provider_is_not_told_as_if_it_had_just_been_seen(desk, session, capsys):
    desk.up("other")
    mine = desk.up()
    desk.provider.machines[mine.instance_id].destroyed = True
    desk.wait(3600)
    found, notes = told(session)
    assert "mistral is counted as it was seen last: a first complete listing lacks it" in notes[0]
    view.show(found, notes)
    said = " ".join(capsys.readouterr().out.split())
    assert "as seen 1 h 00 min ago" in said
    assert "mistral was last shown at" in said
    desk.wait(60)
    assert told(session)[0].burn_usd_per_hour == BOTH


def test_offline_every_figure_of_now_says_how_old_the_last_look_is(desk, session, capsys):
    desk.up()
    told(session)
    desk.wait(3 * 3600)
    found, notes = told(session, offline=True)
    assert (found.billing_now[0].seen_ago_s, found.billing_now[0].seen_at) == (
        3 * 3600, desk.clock.now() - timedelta(hours=3)
    )  # fmt: skip
    view.show(found, notes)
    said = " ".join(capsys.readouterr().out.split())
    assert "if all stays as seen 3 h 00 min ago" in said
    assert "h at this burn as seen 3 h 00 min ago (read" in said
    assert "per day, as seen 3 h 00 min ago." in said
    view.show_json(found, notes)
    assert '"burn_seen_ago_s": 10800' in capsys.readouterr().out


def test_a_page_that_is_kept_says_when_what_burns_was_seen_and_when_the_balance_was_read(desk, session):
    desk.up()
    seen, read_at = (f"{desk.clock.now():%Y-%m-%d %H:%M} UTC",) * 2
    told(session)
    desk.wait(3600)
    history, moments, *_ = reading.read(session, offline=True)
    book = open_book(history, moments)
    for text in (html_text(book), markdown_text(book)):
        assert f"as seen {seen}" in text
    assert f"left at paper, read {read_at}" in html_text(book)


def test_what_was_looked_at_just_now_carries_no_age(desk, session, capsys):
    desk.up()
    view.show(*told(session))
    assert "ago" not in capsys.readouterr().out


def test_a_provider_that_cannot_be_asked_leaves_the_last_look_and_its_age(desk, session, faults):
    desk.up()
    told(session)
    desk.wait(3600)
    desk.provider.hook = lambda method: (_ for _ in ()).throw(faults.unreachable)
    found, notes = told(session)
    assert found.billing_now[0].seen_ago_s == 3600
    assert "is counted as it was seen last" in notes[0]


def balances(desk):
    return [event.data["usd"] for event in desk.store.events() if event.kind is EventKind.BALANCE]


def test_the_balance_is_read_again_when_nothing_bills_any_more(desk, session):
    mine = desk.up()
    told(session)
    desk.down(mine)
    desk.provider.balance_usd = lambda: Decimal(49)
    told(session)
    assert balances(desk) == ["50", "49"]


def test_a_balance_that_did_not_change_is_told_as_of_now_and_not_written_down_again(desk, session):
    desk.up()
    told(session)
    desk.wait(3600)
    found, _ = told(session)
    assert found.purses[0].balance.at == desk.clock.now()
    assert balances(desk) == ["50"]


def test_a_provider_where_nothing_was_rented_in_the_asked_time_is_left_alone(desk, session):
    desk.down(desk.up())
    desk.wait(3600)
    told(session, since=desk.clock.now())
    assert balances(desk) == []


def test_the_third_leg_reaches_the_balance_that_was_read_with_the_bill(desk, session, monkeypatch):
    from cloudgpu.cli import session as session_module
    from cloudgpu.cli.cost.reconcile import reconcile

    shown = SimpleNamespace(accounts=())
    monkeypatch.setattr(session_module, "open_session", lambda: session)
    monkeypatch.setattr(
        "cloudgpu.cli.cost.reconcile_view.show", lambda accounts, _: setattr(shown, "accounts", accounts)
    )
    slow = lambda: desk.wait(30) or Decimal(50)  # noqa: E731  (time passes while a provider answers)
    desk.provider.balance_usd = slow
    mine = desk.up()
    told(session)
    desk.wait(3600)
    desk.down(mine)
    desk.provider.balance_usd = lambda: desk.wait(30) or Decimal(49)
    with pytest.raises(typer.Exit):
        reconcile(since=None, provider=None, json=False)
    (check,) = shown.accounts[0].balances
    assert (check.before_usd, check.after_usd) == (50, 49)


def test_what_a_look_did_not_show_carries_the_age_of_the_look_before_however_short(desk, session, capsys):
    mine = desk.up()
    told(session)
    desk.wait(60)
    desk.provider.machines[mine.instance_id].destroyed = True
    view.show(*told(session))
    assert "per day, as seen 1 min 00 s ago." in " ".join(capsys.readouterr().out.split())


def test_what_was_stopped_and_then_deleted_is_not_told_as_seen_either(desk, session):
    desk.up("other")
    mine = desk.up()
    desk.provider.machines[mine.instance_id].state = InstanceState.STOPPED
    assert told(session)[1] == []
    desk.provider.machines[mine.instance_id].destroyed = True
    desk.wait(3600)
    assert "mistral is counted as it was seen last: a first complete listing lacks it" in told(session)[1][0]


def test_a_stopped_emulator_is_not_looked_at_and_nothing_there_is_called_lost(desk, session, monkeypatch):
    desk.up()
    monkeypatch.setattr(session, "is_asleep", lambda _: True)
    desk.provider.hook = lambda method: pytest.fail(f"{method} was asked")
    desk.provider.balance_usd = lambda: pytest.fail("the balance was asked")
    _, notes = told(session)
    assert notes == ["mistral is counted as it was seen last: the emulator is stopped (cloudgpu emulator start)."]
    assert EventKind.OUT_OF_SIGHT not in desk.kinds()


@pytest.mark.parametrize(("left", "lasts"), [("1000", "134 days"), ("50", "161.3 h")])
def test_how_long_the_money_lasts_is_told_in_days_where_it_is_long_on_the_page_too(desk, session, capsys, left, lasts):
    desk.provider.balance_usd = lambda: Decimal(left)
    desk.up()
    view.show(*told(session))
    assert f"{lasts} at this burn" in " ".join(capsys.readouterr().out.split())
    history, moments, *_ = reading.read(session, offline=True)
    assert f"{lasts} at this burn" in html_text(open_book(history, moments))


def test_a_bill_that_reaches_beyond_now_makes_no_look_old(desk, session):
    mine = desk.up()
    now, ahead = desk.clock.now(), desk.clock.now() + timedelta(hours=1)
    line = BilledLine(instance_id=mine.instance_id, meter="gpu", start=mine.since, end=ahead, usd=Decimal("0.3"))
    desk.provider.bill = lambda *_: [line]
    told(session)
    (bills,) = told(session)[0].billing_now
    assert (bills.seen_at, bills.seen_ago_s) == (now, 0)


def test_looking_again_and_again_writes_down_of_a_long_bill_only_what_is_new(desk, session):
    mine = desk.up()
    hour = timedelta(hours=1)
    lines = [
        BilledLine(instance_id=mine.instance_id, meter="gpu", start=mine.since + n * hour,
                   end=mine.since + (n + 1) * hour, usd=Decimal("0.3"))
        for n in range(700)
    ]  # fmt: skip
    desk.provider.bill = lambda *_: lines
    desk.wait(700 * 3600)
    sums = {told(session)[0].total.total_usd for _ in range(20)}
    assert len(sums) == 1
    assert [len(each.data["lines"]) for each in desk.store.events() if each.kind is EventKind.CHARGED] == [700]


def end_of_cost(monkeypatch, session, *, offline=False, json=False):
    from cloudgpu.cli.cost.report import By, cost

    context = SimpleNamespace(invoked_subcommand=None)
    return end_of(monkeypatch, session, lambda: cost(context, By.DEPLOYMENT, None, None, None, json, offline))


def end_of(monkeypatch, session, command):
    """The exit status of a command that is called on this session."""
    from cloudgpu.cli import session as session_module

    monkeypatch.setattr(session_module, "open_session", lambda: session)
    try:
        command()
    except typer.Exit as end:
        return end.exit_code
    except CloudgpuError as error:
        return error.exit_status
    return 0


REFUSED, NO_ANSWER = RefusedKeyError("the key is refused", hint="set another"), UnreachableError("no answer")


@pytest.mark.parametrize("error", [REFUSED, NO_ANSWER])
def test_status_cost_gc_and_watch_end_alike_where_a_provider_cannot_be_asked(desk, session, monkeypatch, capsys, error):
    from cloudgpu.cli.gc import gc
    from cloudgpu.cli.status import status
    from cloudgpu.cli.watch.run import Watcher, run

    desk.up()
    desk.provider.price_proposals = lambda: ()
    desk.provider.faults["instances"] = [error] * 1000
    monkeypatch.setattr("cloudgpu.cli.sweeping._where_to_look", lambda _: ("paper",))
    for question in ("sweeping.take_vitals", "awake.ready_when_it_answers"):  # the engine is on paper, too
        monkeypatch.setattr(f"cloudgpu.cli.{question}", lambda each, *_: each)
    ends = {
        "status": end_of(monkeypatch, session, lambda: status(False, False, False)),
        "cost": end_of_cost(monkeypatch, session),
        "gc": end_of(monkeypatch, session, lambda: gc(None, False, False, False, False, None, False)),
        "watch --once": end_of(monkeypatch, session, lambda: run(Watcher(session, (), False), 1, once=True)),
    }
    assert ends == dict.fromkeys(ends, error.exit_status)
    hints = capsys.readouterr().err.count("Hint: set another")  # gc and watch raise theirs
    assert hints == (2 if error is REFUSED else 0)


@pytest.mark.parametrize("json", [False, True])
@pytest.mark.parametrize("error", [REFUSED, NO_ANSWER])
@pytest.mark.parametrize("silent", ["instances", "bill"])
def test_cost_ends_by_what_is_wrong_only_while_something_may_bill_there(
    desk, session, monkeypatch, silent, error, json
):
    mine = desk.up()
    assert end_of_cost(monkeypatch, session, json=json) == 0
    desk.provider.faults[silent] = [error] * 1000
    assert end_of_cost(monkeypatch, session, json=json) == error.exit_status
    assert end_of_cost(monkeypatch, session, offline=True, json=json) == 0
    desk.provider.faults.clear()
    desk.down(mine)
    desk.provider.faults[silent] = [error] * 1000
    assert end_of_cost(monkeypatch, session, json=json) == 0  # nothing bills there any more
