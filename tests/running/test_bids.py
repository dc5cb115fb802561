"""What `up --spot` bids on a market, and what is said to a bid that nobody takes or that is more than enough."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from cloudgpu.base.errors import NothingFitsError, UsageError
from cloudgpu.cli import up
from cloudgpu.cli.up.bids import spot_plan
from cloudgpu.planning.needs import Needs
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

PROVIDER = "vast"


@pytest.fixture
def bids(world, tmp_path):
    session = SimpleNamespace(
        provider=lambda _: world.provider, clock=lambda _: world.clock, settings=SimpleNamespace(state_dir=tmp_path)
    )
    needs = Needs(model=resolve_model("mistral"), options=ServingOptions())
    return lambda bid=None: spot_plan(session, "vast", needs, bid).candidates[0]


def test_the_least_that_wins_is_bid_where_nothing_else_is_said(bids):
    best = bids()
    assert best.gpu_usd_per_hour == best.offer.min_bid_usd_per_hour


def test_a_bid_that_nobody_takes_is_answered_with_the_one_that_wins(bids):
    least = bids()
    with pytest.raises(NothingFitsError, match=f"takes a bid of .*wins {least.offer.cards}"):
        bids(least.gpu_usd_per_hour / 1000)


def test_a_bid_that_is_more_than_enough_is_bid_and_the_least_is_told(bids, capsys):
    least = bids()
    assert bids(least.gpu_usd_per_hour + Decimal("0.001")).gpu_usd_per_hour > least.gpu_usd_per_hour
    assert f"wins {least.offer.cards}, which fits too" in " ".join(capsys.readouterr().err.split())


def test_a_bid_without_spot_is_refused_before_anything_is_asked():
    app = typer.Typer()
    up.register(app)
    refused = CliRunner().invoke(app, ["mistral", "--bid", "0.10"])
    assert isinstance(refused.exception, UsageError)
    assert "--spot" in refused.exception.hint
