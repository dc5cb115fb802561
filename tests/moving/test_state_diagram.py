"""The diagram that people read is what the code allows; `test_any_order` holds what happens against it."""

import itertools

from state_diagram import arrows, diagram

from cloudgpu.moving.state import MigrationState, can_follow


def test_the_diagram_has_an_arrow_for_each_step_that_the_code_allows_and_no_other():
    allowed = {
        (here.value, there.value)
        for here, there in itertools.permutations(MigrationState, 2)
        if can_follow(here, there)
    }
    assert {(here, there) for here, there in arrows() if here != there} == allowed


def test_the_diagram_says_that_failed_gates_leave_it_where_it_is():
    assert ("validating", "validating") in arrows()


def test_the_diagram_can_be_read_at_80_columns():
    assert max(map(len, diagram())) <= 80
