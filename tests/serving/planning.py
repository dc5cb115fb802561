"""A plan on one roomy machine, and what would be started on it."""

from datetime import UTC, datetime
from decimal import Decimal

from cloudgpu.base.secret import Secret
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Market, Offer, OfferSource
from cloudgpu.planning.plan import make_plan
from cloudgpu.serving.asked import PLAIN
from cloudgpu.serving.launching import launch_of
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = Secret("sk-endpoint")


def planned(model="mistral", *, gpu="H100 SXM", gpu_memory_mib=81559, **options):
    adapter = options.pop("adapter", None)
    offer = Offer(
        provider="vast", offer_id="1", machine_id="2", gpu=gpu, gpu_count=1, gpu_memory_mib=gpu_memory_mib,
        compute_capability="9.0", cuda_max="13.0", gpu_usd_per_hour=Decimal(2), storage_usd_per_gb_month=Decimal("0.1"),
        download_usd_per_gb=Decimal(0), upload_usd_per_gb=Decimal(0), download_mbps=1000.0, disk_gb=900.0,
        host_ram_gb=200.0, reliability=0.99, verified=True, location=None, country=None, open_ports=10, rentable_s=1e7,
    )  # fmt: skip
    market = Market(offers=(offer,), source=OfferSource.LIVE, origin="t", fetched_at=NOW, complete=True, unreadable={})
    needs = Needs(model=resolve_model(model), options=ServingOptions(**options), adapter=adapter)
    return make_plan(needs, market, NOW)


def launched(model="mistral", hf_token=None, asked=PLAIN, **options):
    plan = planned(model, **options)
    return launch_of(plan, plan.candidates[0], service="chat", api_key=KEY, hf_token=hf_token, asked=asked)


def value(launch, flag):
    return launch.args[launch.args.index(flag) + 1] if flag in launch.args else None
