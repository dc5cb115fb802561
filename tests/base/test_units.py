"""Units are converted in one place."""

import pytest

from cloudgpu.base.units import gb_from_gib, gib_from_bytes, gib_from_mib, transfer_s


def test_gib_is_a_power_of_two_and_gb_a_power_of_ten():
    assert gib_from_bytes(2**30) == 1
    assert gib_from_mib(24564) == pytest.approx(23.988, abs=0.001)
    assert gb_from_gib(27.511) == pytest.approx(29.54, abs=0.01)


def test_28_gb_at_200_mbit_take_19_minutes():
    assert transfer_s(28, 200) == pytest.approx(1120)


def test_a_transfer_without_speed_is_refused():
    with pytest.raises(ValueError, match="positive speed"):
        transfer_s(1, 0)
