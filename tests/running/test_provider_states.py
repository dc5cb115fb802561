"""The page about providers says what the code does."""

from cloudgpu.running.providers.base import InstanceState
from cloudgpu.running.providers.docker import states as docker
from cloudgpu.running.providers.runpod import states as runpod
from cloudgpu.running.providers.vast import states as vast
from tests.running import state_table


def test_the_table_of_states_is_the_codes():
    told = state_table.section(state_table.PAGE.read_text(encoding="utf-8"))
    assert told == state_table.table(), "write it again: python -m tests.running.state_table"


def test_every_word_that_the_code_knows_and_every_state_of_ours_stands_in_the_table():
    table = state_table.table()
    for word in (*vast.WORDS, *runpod.WORDS, *docker.WORDS):
        assert f"`{word}`" in table or word is None
    for state in InstanceState:
        assert f"| {state.value} |" in table
