"""What gpuhunt picks for ten models and what cloudgpu picks, on the same emulated markets: a table for docs/gpuhunt.md.

    python tests/bench/against_gpuhunt.py PYTHON_WITH_GPUHUNT [SEED]

gpuhunt runs in an environment of its own. It is asked as a careful person would ask it: NVIDIA, compute capability 8.0,
memory of all GPUs of 1.2 times the weights, the disk that is needed, on demand, cheapest first. Both see the same
markets; gpuhunt sends no key, and so sees of Vast.ai what that market shows to anybody. Whether the engine starts is
judged by cloudgpu's own estimate; the all-in price is that of 24 hours.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cloudgpu.emulator.rig import Rig
from cloudgpu.planning.fitting.fit import Fit
from cloudgpu.planning.market import merge
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import Market, Offer
from cloudgpu.planning.plan import make_plan
from cloudgpu.running.providers.base import OfferQuery
from cloudgpu.running.providers.runpod import open_runpod
from cloudgpu.running.providers.vast import open_vast
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

MODELS = (
    "qwen-7b", "mistral", "llama-8b", "phi-4", "qwen-14b", "Qwen/Qwen2.5-14B-Instruct-AWQ", "gemma-3-27b", "qwen-32b",
    "mixtral", "llama-70b",
)  # fmt: skip
STOPS = ("gpu_unknown", "gpu_vendor", "gpu_unsuitable", "capability", "layout", "memory", "kv_cache", "crowded", "cuda",
         "disk", "host_ram", "open_ports")  # fmt: skip
"""Refusals after which an engine does not come up; the others (price, place, trust) are matters of taste."""

IN_GPUHUNT = """
import json, sys
import requests
from gpuhunt import QueryFilter
from gpuhunt._internal.constraints import matches
from gpuhunt._internal.models import AcceleratorVendor
from gpuhunt.providers import runpod, vastai

url, wanted = sys.argv[1], json.loads(sys.argv[2])
vastai.bundles_url = url + "/api/v0/bundles/"
TYPES = '''query { gpuTypes { id manufacturer displayName memoryInGb securePrice communityPrice maxGpuCountSecureCloud
 maxGpuCountCommunityCloud lowestPrice(input: {gpuCount: %d, secureCloud: %s}) { stockStatus } } }'''

def ask(payload):
    '''RunPod's GraphQL as the emulator plays it: without variables, so they are written into the query; one place.'''
    lowest = (payload.get("variables") or {}).get("lowestPriceInput") or {}
    count, secure = lowest.get("gpuCount", 1), "false" if lowest.get("secureCloud") is False else "true"
    answer = requests.post(url + "/graphql", json={"query": TYPES % (count, secure)}, timeout=30).json()
    for row in answer["data"]["gpuTypes"]:
        row["lowestPrice"] |= {"minVcpu": 8, "minMemory": 64}
        row["nodeGroupDatacenters"] = []
    cpu = "cpuFlavors" in payload["query"] or "CpuDataCenters" in payload["query"]
    answer["data"] |= {"dataCenters": [] if cpu else [{"id": "a place", "listed": True}], "countryCodes": ["a country"]}
    return answer

runpod._make_request = ask
pods, found = runpod.RunpodProvider().get(), {}
for name, need in wanted.items():
    asked = QueryFilter(gpu_vendor=AcceleratorVendor.NVIDIA, min_gpu_count=1, min_total_gpu_memory=need["memory_gb"],
                        min_compute_capability=(8, 0), min_disk_size=need["disk_gb"], spot=False)
    hosts = vastai.VastAIProvider().get(asked)
    best = min((each for each in [*hosts, *pods] if matches(each, asked)), key=lambda each: each.price, default=None)
    cloud = best and best.provider == "runpod" and ("secure" if best.location == "a place" else "community")
    found[name] = best and [best.provider, best.instance_name, cloud, best.gpu_count, best.price]
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """An offer that somebody picked: its all-in price over 24 hours, what keeps the engine from starting there, and for
    what else a plan with default options refuses it."""

    offer: Offer
    usd_total: Decimal
    stopped_by: tuple[str, ...]
    refused_for: tuple[str, ...]

    def text(self) -> str:
        said = "starts" if not self.stopped_by else f"does not start: {', '.join(self.stopped_by)}"
        said += f" (refused for {', '.join(self.refused_for)})" if self.refused_for and not self.stopped_by else ""
        return f"{self.offer.cards}, {self.offer.provider} | {self.usd_total:.2f} | {said}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One model: what each picked; None where gpuhunt found nothing."""

    model: str
    theirs: Pick | None
    ours: Pick


def main() -> None:
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    print("| model | gpuhunt picks | all in, USD | engine | cloudgpu picks | all in, USD | engine |")
    print("|---|---|---|---|---|---|---|")
    for each in compare(sys.argv[1], seed):
        print(line(each))


def line(compared: Compared) -> str:
    """A line of the table."""
    theirs = compared.theirs.text() if compared.theirs else "nothing | - | -"
    return f"| {compared.model} | {theirs} | {compared.ours.text()} |"


def compare(python: str, seed: int) -> Iterator[Compared]:
    """Both picks for every model. Loopback only; `python` is the interpreter that has gpuhunt."""
    with Rig(seed=seed) as rig:
        market = everything(rig)
        fits = {name: fit_of(name) for name in MODELS}
        theirs = asked_of_gpuhunt(python, rig.url, fits)
    for name, fit in fits.items():
        plan = make_plan(fit.needs, market, market.fetched_at)
        found = offer_of(market, theirs[name])
        yield Compared(model=name, theirs=found and pick(fit, found), ours=pick(fit, plan.candidates[0].offer))


def everything(rig: Rig) -> Market:
    """Every offer of both markets, with keys."""
    vast = open_vast(rig.url, rig.vast_key, rig.clock)
    runpod = open_runpod(rig.url, rig.runpod_key, rig.clock)
    counts = (1, 2, 4, 8)
    asked = [vast.search(OfferQuery(disk_gb=8, verified_only=False, gpu_counts=(count,))) for count in counts]
    asked.append(vast.search(OfferQuery(disk_gb=8, verified_only=False)))
    whole = merge([*asked, runpod.search(OfferQuery(disk_gb=8, verified_only=False, gpu_counts=tuple(range(1, 9))))])
    return Market(
        offers=tuple({offer.offer_id: offer for offer in whole.offers}.values()), source=whole.source,
        origin=whole.origin, fetched_at=whole.fetched_at, complete=whole.complete, unreadable=whole.unreadable,
    )  # fmt: skip


def fit_of(model: str) -> Fit:
    needs = Needs(model=resolve_model(model), options=ServingOptions())
    return Fit(needs, needs.model.checkpoint(None))


def asked_of_gpuhunt(python: str, url: str, fits: Mapping[str, Fit]) -> Mapping[str, Sequence[Any] | None]:
    wanted = {
        name: {"memory_gb": fit.checkpoint.download_gb * 1.2, "disk_gb": fit.required.disk_gb}
        for name, fit in fits.items()
    }
    command = [python, "-c", IN_GPUHUNT, url, json.dumps(wanted)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return dict(json.loads(done.stdout))


def offer_of(market: Market, named: Sequence[Any] | None) -> Offer | None:
    """The offer that gpuhunt means. Raises StopIteration when the market does not have it."""
    if named is None:
        return None
    provider, name, cloud, count, _ = named
    wanted = name if provider == "vastai" else f"{name}/{cloud}/{count}"
    return next(offer for offer in market.offers if offer.offer_id == wanted)


def pick(fit: Fit, offer: Offer) -> Pick:
    codes = [reason.code for reason in fit.reasons(offer)]
    return Pick(
        offer=offer,
        usd_total=fit.price(offer).usd_total,
        stopped_by=tuple(code for code in codes if code in STOPS),
        refused_for=tuple(code for code in codes if code not in STOPS),
    )


if __name__ == "__main__":
    main()
