"""The names of a wing's door can be had, wherever in the wing they live."""

import importlib

import pytest

DOORS = ("cloudgpu.sizing", "cloudgpu.planning")


@pytest.mark.parametrize("door", DOORS)
def test_every_name_of_a_door_can_be_had(door):
    wing = importlib.import_module(door)
    assert wing.__all__
    for name in wing.__all__:
        assert getattr(wing, name).__name__ == name
