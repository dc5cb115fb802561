"""The all-in price."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.planning.price import price_of

HOURS = st.decimals(min_value=Decimal("0.1"), max_value=Decimal(10_000), places=2)


def test_disk_is_priced_by_the_hour_of_a_720_hour_month_and_the_download_once(offer):
    price = price_of(offer(), disk_gb=72, download_gb=40.5, hours=Decimal(10))
    assert price.gpu_usd_per_hour == Decimal("1.20")
    assert price.disk_usd_per_hour == Decimal("0.02")
    assert price.total_usd_per_hour == Decimal("1.22")
    assert price.download_usd == Decimal("0.405")
    assert price.usd_total == Decimal("12.605")


def test_a_provider_without_traffic_charge_takes_none(offer):
    price = price_of(offer(download_usd_per_gb=Decimal(0)), disk_gb=72, download_gb=40.5, hours=Decimal(1))
    assert price.download_usd == 0


def test_cheap_traffic_beats_a_cheap_gpu_for_a_short_job(offer):
    cheap_gpu = offer(gpu_usd_per_hour=Decimal("0.40"), download_usd_per_gb=Decimal("0.04"))
    cheap_traffic = offer(gpu_usd_per_hour=Decimal("0.60"), download_usd_per_gb=Decimal("0.001"))
    short, long = (
        [price_of(each, disk_gb=40, download_gb=40.0, hours=hours).usd_total for each in (cheap_gpu, cheap_traffic)]
        for hours in (Decimal(1), Decimal(100))
    )
    assert short[0] > short[1]
    assert long[0] < long[1]


@given(HOURS, HOURS)
def test_the_total_grows_with_the_hours(one, other):
    from_hours = [
        price_of(_good(), disk_gb=50, download_gb=30.0, hours=hours).usd_total for hours in sorted((one, other))
    ]
    assert from_hours[0] <= from_hours[1]
    assert (from_hours[0] < from_hours[1]) == (one != other)


@given(st.integers(8, 10_000), st.integers(8, 10_000))
def test_the_total_grows_with_the_disk(one, other):
    totals = [
        price_of(_good(), disk_gb=disk, download_gb=30.0, hours=Decimal(1)).usd_total for disk in sorted((one, other))
    ]
    assert totals[0] <= totals[1]
    assert (totals[0] < totals[1]) == (one != other)


def _good():
    from cloudgpu.planning.offers.offer import Offer

    nothing = dict.fromkeys(Offer.__dataclass_fields__)
    return Offer(
        **{
            **nothing,
            "gpu_usd_per_hour": Decimal("0.3141592"),
            "storage_usd_per_gb_month": Decimal("0.2"),
            "download_usd_per_gb": Decimal("0.0078"),
        }
    )
