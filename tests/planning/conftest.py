"""Offers and needs that tests bend to their purpose."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Market, Offer, OfferSource
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

GOOD = Offer(
    provider="vast",
    offer_id="1",
    machine_id="m1",
    gpu="A100 SXM4 80GB",
    gpu_count=1,
    gpu_memory_mib=81920,
    compute_capability="8.0",
    cuda_max="13.0",
    gpu_usd_per_hour=Decimal("1.20"),
    storage_usd_per_gb_month=Decimal("0.20"),
    download_usd_per_gb=Decimal("0.01"),
    upload_usd_per_gb=Decimal("0.01"),
    download_mbps=1000.0,
    disk_gb=500.0,
    host_ram_gb=128.0,
    reliability=0.99,
    verified=True,
    location="Sweden, SE",
    country="SE",
    open_ports=100,
    rentable_s=30 * 86400.0,
)
"""An offer that fits every model of the tests."""


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def offer():
    """Makes an offer that fits, changed where asked."""
    return lambda **changes: replace(GOOD, **changes)


@pytest.fixture
def market():
    """Makes a live market of these offers, read a minute ago."""

    def make(*offers, **changes):
        fields = {
            "offers": tuple(offers),
            "source": OfferSource.LIVE,
            "origin": "a test",
            "fetched_at": datetime(2026, 11, 20, 11, 59, tzinfo=UTC),
            "complete": True,
            "unreadable": {},
        }
        return Market(**{**fields, **changes})

    return make


@pytest.fixture
def needs():
    """Makes needs for a small model, changed where asked."""

    def make(model="qwen-14b", options=None, **changes):
        return Needs(model=resolve_model(model), options=ServingOptions(**(options or {})), **changes)

    return make
