"""What a migration cost is told apart from serving: the double run, the rollback window, tries that failed."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from lifetimes import NOON, a_rental, at, created, event, intended, observed

from cloudgpu.accounting.charge import Purpose
from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.ledger import fold
from cloudgpu.accounting.report import report
from cloudgpu.accounting.timeline import burn_steps, windows

STATES = ["planned", "provisioning", "warming", "validating", "paused", "canary", "promoted", "rolled_back", "stable"]


def moved(state, when):
    data = {"migration_id": "m-1", "state": state, "from": "mistral", "to": "qwen-14b"}
    return event("migration", when, data, token=None, deployment="qwen-14b")


def side(deployment, start, *, ready=True, gone=None):
    kw = {"token": f"t-{deployment}-{start:%H%M}", "deployment": deployment}
    events = [intended(start, download="0", **kw), created(start, instance_id=deployment, **kw), observed(start, **kw)]
    events += [event("ready", start, **kw)] if ready else []
    return events + ([event("gone", gone, **kw)] if gone else [])


def usd(charges, purpose):
    return sum((c.usd for c in charges if c.purpose is purpose), Decimal(0))


def a_migration():
    """Old from 12:00, new from 13:00, promoted at 14:00, back at 15:00, again at 16:00, old gone at 17:00."""
    steps = [("provisioning", 60), ("promoted", 120), ("rolled_back", 180), ("promoted", 240), ("stable", 300)]
    return [
        *side("mistral", at(0), gone=at(300)),
        *side("qwen-14b", at(60)),
        *(moved(state, at(minutes)) for state, minutes in steps),
    ]


def test_the_side_that_is_not_in_charge_is_the_price_of_the_migration():
    charges = fold(a_migration(), at(360))
    hour = Decimal("0.378")
    assert usd(charges, Purpose.DOUBLE_RUN) == 2 * hour  # new: 13:00 to 14:00, and again from 15:00 to 16:00
    assert usd(charges, Purpose.ROLLBACK_WINDOW) == 2 * hour  # old: 14:00 to 15:00, and from 16:00 to its end
    assert usd(charges, Purpose.SERVING) == 6 * hour
    assert {c.migration for c in charges if c.purpose is not Purpose.SERVING} == {"m-1"}


def test_a_new_side_that_was_given_up_stays_the_price_of_the_migration_to_its_end():
    events = [
        *side("mistral", at(0)), *side("qwen-14b", at(60), gone=at(130)), moved("provisioning", at(60)),
        moved("aborted", at(120)),
    ]  # fmt: skip
    charges = fold(events, at(180))
    assert usd(charges, Purpose.DOUBLE_RUN) == sum(c.usd for c in charges if c.deployment == "qwen-14b")
    assert usd(charges, Purpose.SERVING) == sum(c.usd for c in charges if c.deployment == "mistral")


def test_a_try_that_never_answered_is_told_apart_and_named_with_its_migration():
    failed = side("qwen-14b", at(61), ready=False, gone=at(90))
    charges = fold([*a_migration(), *failed], at(360))
    (migration,) = {c.migration for c in charges if c.purpose is Purpose.FAILED_TRY}
    assert migration == "m-1"
    alone = fold(side("qwen-14b", at(0), ready=False, gone=at(30)), at(60))
    assert {(c.purpose, c.migration) for c in alone} == {(Purpose.FAILED_TRY, None)}


def test_a_deployment_that_is_starting_is_no_failed_try_yet():
    assert {c.purpose for c in fold(a_rental()[:3], at(10))} == {Purpose.SERVING}


def test_the_report_by_migration_names_each_price_of_it():
    told = report(read_history(a_migration()), at(360), "migration")
    assert [line.key for line in told.lines] == [
        "m-1: double run", "m-1: rollback window", "no migration: serving",
    ]  # fmt: skip


def test_windows_are_where_two_sides_were_paid():
    found = windows(fold(a_migration(), at(360)))
    assert [(w.purpose, w.start, w.end) for w in found] == [
        (Purpose.DOUBLE_RUN, at(60), at(120)),
        (Purpose.ROLLBACK_WINDOW, at(120), at(180)),
        (Purpose.DOUBLE_RUN, at(180), at(240)),
        (Purpose.ROLLBACK_WINDOW, at(240), at(300)),
    ]


def test_the_burn_goes_up_with_each_side_and_down_with_its_end():
    steps = burn_steps(read_history(a_migration()), at(360))
    assert [(s.at, s.usd_per_hour) for s in steps] == [
        (at(0), Decimal("0.378")), (at(60), Decimal("0.756")), (at(300), Decimal("0.378")),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(STATES), st.integers(0, 600)), max_size=12))
def test_whatever_a_migration_does_attribution_moves_no_cent(steps):
    sides = [*side("mistral", at(0), gone=at(400)), *side("qwen-14b", at(60))]
    told = [moved(state, at(minutes)) for state, minutes in sorted(steps, key=lambda s: s[1])]
    plain, attributed = fold(sides, at(500)), fold([*sides, *told], at(500))
    assert sum(c.usd for c in plain) == sum(c.usd for c in attributed)
    assert sum(c.hours for c in plain) == sum(c.hours for c in attributed)
    assert all(c.start <= c.end <= NOON + timedelta(minutes=500) for c in attributed)
