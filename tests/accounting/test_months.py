"""Months of random life on the emulator's virtual clock: the ledger says what the market's own bill says."""

from datetime import timedelta
from decimal import Decimal

import pytest
from emulated_months import Months, Truth

from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.reconcile import Verdict, days, differences, strangers
from cloudgpu.accounting.reconcile.days import DayState
from cloudgpu.emulator.rig import Rig

pytestmark = pytest.mark.slow

STORIES = [(name, seed) for name in ("vast", "runpod") for seed in range(1, 5)]
ACTS = 18


@pytest.fixture(scope="module")
def rig():
    with Rig() as rig:
        yield rig


@pytest.fixture(scope="module", params=STORIES, ids=lambda story: f"{story[0]}-{story[1]}")
def months(request, rig, tmp_path_factory):
    """A story that is over, with the truth at three moments of it and at its end."""
    name, seed = request.param
    months = Months(name, rig, tmp_path_factory.mktemp("months"), seed)
    moments = []
    for _ in range(3):
        months.live(ACTS // 3)
        moments.append(Truth(months))
    months.finish()
    yield months, [*moments, Truth(months)]
    months.store.close()


def test_once_the_bills_were_read_the_ledger_is_the_markets_bill(months):
    story, truths = months
    assert story.clock.now() - story.began > timedelta(days=10)
    assert abs(truths[-1].ledger_usd() - truths[-1].ours_usd()) <= Decimal("1e-9")


def test_what_is_metered_is_off_by_no_more_than_is_said(months):
    _, truths = months
    for truth in truths:
        assert truth.beyond_doubt(truth.unbilled()) == []


def test_a_bill_that_was_read_now_and_then_leaves_no_more_in_doubt_than_is_said(months):
    _, truths = months
    for truth in truths:
        assert truth.beyond_doubt(read_history(truth.events)) == []


@pytest.mark.parametrize("name", ["vast", "runpod"])
def test_the_last_instance_of_an_account_that_vanishes_is_in_doubt_since_it_was_last_shown(rig, tmp_path, name):
    """An empty list proves no end: it is metered on, and how far that may be off is said, until the bill proves it."""
    story = Months(name, rig, tmp_path, seed=1)
    story.world.up("mistral")
    story.look()
    rig.advance(3_600)
    story.empty()
    rig.advance(86_400)
    story.look()
    unproved = Truth(story)
    assert unproved.beyond_doubt(unproved.unbilled()) == []
    assert unproved.ledger_usd() - unproved.ours_usd() > 1
    rig.advance(86_400)
    story.look()  # the second look apart from the first at which the bill says the same
    proved = Truth(story)
    assert proved.beyond_doubt(proved.unbilled()) == []
    assert abs(proved.ledger_usd() - proved.ours_usd()) <= Decimal("1e-9")
    story.store.close()


def test_every_day_is_closed_and_every_stranger_is_named(months):
    story, truths = months
    story.read_statement()
    story.rig.advance(90_000)
    story.read_statement()
    history = read_history(story.store.events())
    statement = history.statements[-1]
    found = differences(history, statement, story.clock.now())
    unexplained = {each.day for each in found if each.verdict is Verdict.DIFFERS}
    traced = {life.instance_id for life in history.lives if life.created and truths[-1].is_traceable(life)}
    assert not [each for each in found if each.verdict is Verdict.DIFFERS and each.instance_id in traced]
    metered = [each for each in found if each.verdict is Verdict.AGREES]
    assert all(each.cause for each in metered if abs(each.difference_usd) > Decimal("0.05"))
    for day in days(history, found, statement):
        assert day.state is (DayState.DIFFERS if day.day in unexplained else DayState.READY)
    assert {each.instance_id for each in strangers(history, statement)} == story.strangers
