"""Every error has a stable code, a documented exit status, and stands in the tree that its module draws."""

import pytest

from cloudgpu.base import errors
from cloudgpu.base.errors import CloudgpuError

ALL = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, CloudgpuError)]


@pytest.mark.parametrize("error", ALL)
def test_every_error_has_a_documented_exit_status(error):
    assert error.exit_status in {1, 2, 3, 4, 5, 6}


def test_codes_are_unique():
    codes = [error.code for error in ALL]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("error", ALL)
def test_every_error_stands_in_the_drawing(error):
    assert errors.__doc__ is not None
    assert error.__name__ in errors.__doc__
