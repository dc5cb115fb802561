"""What of a bill or a statement is written down at each look, and that ledger and reconciliation lose nothing by it."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from lifetimes import NOON, a_rental, at, charged, created, event, intended, observed

from cloudgpu.accounting.bill import billed_until, is_settled, wants_bill
from cloudgpu.accounting.doubt import doubt_usd
from cloudgpu.accounting.history import last_statement, read_history, whole_statement
from cloudgpu.accounting.kept_bill import news, news_of_statement
from cloudgpu.accounting.ledger import fold
from cloudgpu.accounting.life import lives
from cloudgpu.accounting.reconcile import days, differences
from cloudgpu.base.clock import utc_text

KW = {"provider": "runpod"}
ALIVE = [intended(at(), **KW), created(at(), **KW), observed(at(), **KW)]


def hours(count, last="0.36"):
    """A bill by the hour, its last hour of so many dollars so far."""
    whole = [("gpu", at(60 * hour), at(60 * hour + 60), "0.36") for hour in range(count)]
    return [*whole, ("gpu", at(60 * count), at(60 * count + 30), last)]


def kept(events, bill):
    """The event that is written down for a bill after these; None for none."""
    return news(lives(events)[0], bill)


def test_of_a_bill_that_grew_by_an_hour_only_its_end_is_written_down():
    first = charged(at(60 * 700), *hours(700, "0.10"), **KW)
    fresh = kept([*ALIVE, first], charged(at(60 * 700 + 20), *hours(700, "0.20"), **KW))
    assert [line["usd"] for line in fresh.data["lines"]] == ["0.20"]
    (life,) = lives([*ALIVE, first, fresh])
    assert [line.usd for line in life.bill.lines] == [Decimal("0.36")] * 700 + [Decimal("0.20")]


def test_a_bill_that_says_the_same_is_not_written_down_again():
    first = charged(at(90), *hours(1), **KW)
    assert kept([*ALIVE, first], charged(at(91), *hours(1), **KW)) is None


def test_a_bill_that_says_the_same_is_written_down_where_the_moment_settles_something():
    bill = [("gpu", at(6), at(60), "0.324")]
    events = [*a_rental(), charged(at(60), *bill)]
    fresh = kept(events, charged(at(61), *bill))
    assert fresh.data["lines"] == []
    assert not is_settled(lives(events)[0])
    assert is_settled(lives([*events, fresh])[0])
    assert kept([*events, fresh], charged(at(62), *bill)) is None
    final = kept([*events, fresh], charged(at(71), *bill))
    assert not wants_bill(lives([*events, fresh, final])[0], at(72))


def test_what_was_written_down_as_the_difference_from_another_bill_is_left_out_until_the_next_look():
    first = charged(at(90), *hours(1), **KW)
    mine = kept([*ALIVE, first], charged(at(95), *hours(2), **KW))
    theirs = kept([*ALIVE, first], charged(at(96), *hours(3), **KW))
    beside = [*ALIVE, first, mine, theirs]
    assert len(lives(beside)[0].bill.lines) == 3
    healed = kept(beside, charged(at(97), *hours(3), **KW))
    assert len(lives([*beside, healed])[0].bill.lines) == 4


def test_an_empty_bill_after_one_with_lines_is_not_written_down():
    assert kept([*ALIVE, charged(at(90), *hours(1), **KW)], charged(at(91), **KW)) is None


def _bills():
    line = st.tuples(
        st.sampled_from(["gpu", "disk", "download"]), st.integers(0, 50), st.integers(0, 50), st.integers(1, 9)
    )
    looks = st.tuples(st.integers(1, 3000), st.lists(line, max_size=5), st.booleans())
    return st.lists(looks, min_size=1, max_size=8)


@given(_bills(), st.integers(1, 4000), st.booleans())
def test_the_ledger_is_the_same_as_if_every_bill_had_been_written_down_whole(looks, ends, stops):
    """Bills that grow, change or repeat, of what runs, stops or ends: the same sums, doubt and certainty."""
    end, moment, lines = at(ends), NOON, []
    told = [*ALIVE, observed(at(1), gpu_billing=False, disk_billing=False, state="stopped", **KW)] if stops else ALIVE
    whole, thin, ended = [*told], [*told], False
    for minutes, more, grows in looks:
        moment += timedelta(minutes=minutes)
        if moment >= end and not ended:
            over = [event("destroy_requested", end, **KW), event("gone", end, **KW)]
            whole, thin, ended = [*whole, *over], [*thin, *over], True
        read = [(meter, at(start), at(start + length), str(usd)) for meter, start, length, usd in more]
        lines = [*lines, *read] if grows else read
        bill = charged(moment, *lines, **KW)
        fresh = kept(thin, bill)
        whole, thin = [*whole, bill], [*thin, *([fresh] if fresh else [])]
        assert _says(thin, moment) == _says(whole, moment)


def _says(events, now):
    (life,) = lives(events)
    return fold(events, now), doubt_usd(life, now), is_settled(life), billed_until(life), wants_bill(life, now)


def _statements():
    line = st.tuples(st.sampled_from(["7001", "666"]), st.integers(0, 50), st.integers(1, 50), st.integers(1, 9))
    looks = st.tuples(st.integers(1, 3000), st.lists(line, max_size=5), st.booleans(), st.integers(0, 2))
    return st.lists(looks, min_size=1, max_size=8)


@given(_statements())
def test_days_are_settled_as_if_every_statement_had_been_written_down_whole(looks):
    """Statements that grow, lose their first lines, change or repeat, asked for from another day on, too."""
    whole, thin, moment, lines = [*a_rental()], [*a_rental()], NOON, []
    for minutes, more, grows, dropped in looks:
        moment += timedelta(minutes=minutes)
        read = [(i, at(start), at(start + length), str(usd)) for i, start, length, usd in more]
        lines = sorted([*lines[dropped:], *read] if grows else read or lines, key=lambda line: line[2])
        told = [{"instance_id": i, "meter": "gpu", "start": utc_text(s), "end": utc_text(e), "usd": usd}
                for i, s, e, usd in lines]  # fmt: skip
        data = {"fetched_at": utc_text(moment), "since": utc_text(at(-1440 * dropped)), "lines": told}
        read = event("statement", moment, data, token=None, deployment=None)
        fresh = news_of_statement(last_statement(read_history(thin).statements, "vast"), read)
        whole, thin = [*whole, read], [*thin, *([fresh] if fresh else [])]
        current = whole_statement(read)
        assert _days(thin, current, moment) == _days(whole, current, moment)
        kept = last_statement(read_history(thin).statements, "vast")
        assert (kept.lines, kept.since) == (current.lines, current.since)


def _days(events, statement, now):
    history = read_history(events)
    return days(history, differences(history, statement, now), statement)
