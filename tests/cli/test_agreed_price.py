"""What `up` shows before it asks: the price that holds for whatever it may rent, and for all that it starts at once."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from cloudgpu.cli.up import run as up_run
from cloudgpu.cli.up.price import show_price
from cloudgpu.running.deployment import Limits, UpRequest


def rental(usd, cards="1x RTX 4090 24 GB"):
    offer = SimpleNamespace(cards=cards, location="Norway", offer_id="1", interruptible=False)
    launch = SimpleNamespace(disk_gb=40, download_gb=20.0, start_limit_s=600.0)
    return SimpleNamespace(
        offer=offer, launch=launch, usd_per_hour=Decimal(usd), gpu_usd_per_hour=Decimal(usd),
        disk_usd_per_hour=Decimal(0), download_usd=Decimal("0.10"),
    )  # fmt: skip


def stop(provider, *rentals, **limits):
    request = UpRequest(
        name="m", service="m", model="org/m", short_name="m", plan_id=None, rentals=rentals, api_key=None,
        limits=Limits(**limits),
    )  # fmt: skip
    plan = SimpleNamespace(candidates=[SimpleNamespace(checkpoint="org/m")])
    return SimpleNamespace(provider=provider, request=request, plan=plan)


@pytest.fixture
def shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def show(*stops):
        show_price(stops)
        return capsys.readouterr().out

    return show


def test_never_above_is_true_of_whatever_it_falls_back_to(shown):
    told = shown(stop("vast", *map(rental, ("0.20", "0.30", "0.40", "0.90"))))
    assert "never above $0.4200, whatever it falls back to" in told
    assert "to 2 of 2 more offers" in told


def test_never_above_is_true_of_the_next_provider_too(shown):
    told = shown(stop("vast", rental("0.20")), stop("runpod", rental("0.50"), rental("0.60")))
    assert "never above $0.6300" in told
    assert "then to runpod from $0.5000/h, $0.6300 at most" in told


def test_a_race_is_shown_with_all_of_its_machines(shown):
    told = shown(stop("vast", *map(rental, ("0.20", "0.30", "0.40", "0.90")), hedge=2))
    assert "2 machines, $0.5000/h together and never above $0.8400" in told
    assert "$0.70" in next(line for line in told.splitlines() if "First hour" in line)


def test_so_far_counts_what_the_same_run_rented_and_removed(monkeypatch):
    lives = [
        SimpleNamespace(token=token, name=name) for token, name in (("a", "m"), ("b", "m"), ("c", "m"), ("d", "n"))
    ]
    session = SimpleNamespace(store=SimpleNamespace(deployments=lambda include_gone: lives))
    monkeypatch.setattr(up_run, "usd_so_far", lambda _, life: {"b": Decimal("0.04"), "a": Decimal(9)}[life.token])
    assert up_run._others_usd(session, lives[2], {"a"}) == Decimal("0.04")
