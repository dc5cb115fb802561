"""Fifty clients at once, half of them streaming: no move of the traffic drops a request or cuts a stream."""

import pytest
from gateway_stand import CLIENTS

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


def test_canary_steps_promotion_and_rollback_cut_no_stream_and_drop_no_request(stand):
    stand.lead(old=100, new=None)
    crowd = stand.answer_while(
        [
            lambda: stand.lead(old=100, new=0),  # the new side is made known
            lambda: stand.lead(old=90, new=10),
            lambda: stand.lead(old=50, new=50),
            lambda: stand.lead(old=0, new=100, standby="old"),  # promoted
            lambda: stand.lead(old=100, new=0, standby="new"),  # rolled back
            lambda: stand.lead(old=0, new=100, standby="old"),
            lambda: stand.lead(old=None, new=100),  # finalized
        ],
    )
    assert crowd.count(outcome="answered") == crowd.answers.total(), crowd.answers
    assert crowd.count(kind="stream") > CLIENTS
    assert stand.who() == "new"


def test_when_the_new_side_is_killed_the_old_one_answers_at_once(stand):
    stand.lead(old=0, new=100, standby="old")
    crowd = stand.answer_while([lambda: stand.engines.kill("new")], between=6 * CLIENTS)
    assert crowd.count(kind="whole", outcome="cut") == 0
    failed = crowd.answers.total() - crowd.count(outcome="answered") - crowd.count(outcome="cut")
    assert failed <= 2, crowd.answers
    assert crowd.count(outcome="cut") <= CLIENTS // 2, "no more than were in the middle of an answer of the dead side"
    assert stand.who() == "old"


def test_when_a_side_is_killed_in_the_middle_of_a_canary_the_other_one_gets_all(stand):
    stand.lead(old=50, new=50)
    crowd = stand.answer_while([lambda: stand.engines.kill("old")], between=4 * CLIENTS)
    assert crowd.answers.total() - crowd.count(outcome="answered") - crowd.count(outcome="cut") <= 2, crowd.answers
    assert stand.who() == "new"
