"""Needs that cannot be meant are refused wherever they come from: the command line, a plan file, another program."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.errors import UsageError
from cloudgpu.planning.needs import Needs
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

NUMBERS = (
    "hours",
    "max_usd_per_hour",
    "min_reliability",
    "min_tokens_per_s",
    "max_wait_s",
    "min_download_mbps",
    "gpu_count",
    "disk_gb",
)
MODEL = resolve_model("qwen-14b")


def asked(**changes):
    return Needs(model=MODEL, options=ServingOptions(), **changes)


@given(
    st.sampled_from(NUMBERS), st.sampled_from(["nan", "inf", "-inf", "-1", "1e30"]), st.sampled_from([float, Decimal])
)
def test_no_number_that_is_none_or_negative_or_beyond_measure_is_taken(field, text, kind):
    with pytest.raises(UsageError, match="must be a number from"):
        asked(**{field: kind(text)})


@pytest.mark.parametrize("hours", ["0.01", "24", "87600"])
def test_every_time_that_a_machine_may_live_is_taken(hours):
    assert asked(hours=Decimal(hours)).hours == Decimal(hours)


@pytest.mark.parametrize("changes", [{"adapter": ""}, {"regions": ("SE", " ")}, {"gpu": ""}])
def test_an_empty_text_is_refused(changes):
    with pytest.raises(UsageError, match="is empty"):
        asked(**changes)
