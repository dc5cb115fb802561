"""Markets without a key, as far as providers let one look: to plan on, never to rent on.

Vast.ai's search answers anybody, 64 rows at a time. RunPod's catalogue wants a key; its GraphQL, which is being
retired, told types, list prices and stock without one as of 2026-11.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import BadAnswerError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.base.settings import Settings
from cloudgpu.planning.offers.offer import Market, Offer, OfferSource
from cloudgpu.planning.offers.runpod import GPU_COUNTS, catalogue_offers
from cloudgpu.running.providers.base import OfferQuery
from cloudgpu.running.providers.http import Http
from cloudgpu.running.providers.runpod.errors import explain
from cloudgpu.running.providers.vast import open_vast

_NO_KEY = Secret("")
_VAST_NOTE = "Without a key Vast.ai tells 64 offers a search, and not the cheapest: there may be better ones."
_RUNPOD_NOTE = (
    "RunPod was asked without a key, through an API that is being retired: list prices and stock in all, no places."
)
_TYPES = """query { gpuTypes { id displayName memoryInGb secureCloud communityCloud securePrice communityPrice
 maxGpuCount maxGpuCountSecureCloud maxGpuCountCommunityCloud
 lowestPrice(input: {gpuCount: %d, secureCloud: %s}) { stockStatus } } }"""


def search_without_key(name: str, settings: Settings, query: OfferQuery, clock: Clock) -> Market:
    """What the market of `vast` or `runpod` shows to anybody; its notes say so. Calls the network, sends no key.

    Raises ProviderError when it shows nothing: quotas, another answer than expected, an API that is gone.
    """
    if name == "vast":
        market = open_vast(settings.vast_url.value, _NO_KEY, clock).search(query)
        return replace(market, notes=(_VAST_NOTE, *market.notes))
    if name == "runpod":
        return _runpod(Http(settings.runpod_url.value, _NO_KEY, clock, {"types": 0.5}, explain,
                            variable="RUNPOD_API_BASE_URL"), query)  # fmt: skip
    raise UsageError(f"{name} cannot be asked without a key", hint="one of vast, runpod")


def _runpod(http: Http, query: OfferQuery) -> Market:
    offers: list[Offer] = []
    unreadable: dict[str, int] = {}
    for cloud, count in _asked(query):
        found, skipped = catalogue_offers(_types(http, cloud, count), cloud, count, by_place=False)
        offers += [offer for offer in found if not query.gpu_names or offer.gpu in query.gpu_names]
        unreadable |= {reason: unreadable.get(reason, 0) + number for reason, number in skipped.items()}
    return Market(offers=tuple(offers), source=OfferSource.LIVE, origin=f"{http.base_url}/graphql",
                  fetched_at=http.clock.now(), complete=True, unreadable=unreadable, notes=(_RUNPOD_NOTE,))  # fmt: skip


def _asked(query: OfferQuery) -> Iterator[tuple[str, int]]:
    for cloud in ("secure",) if query.verified_only else ("secure", "community"):
        for count in query.gpu_counts or GPU_COUNTS:
            yield cloud, count


def _types(http: Http, cloud: str, count: int) -> Sequence[Any]:
    asked = _TYPES % (count, "true" if cloud == "secure" else "false")
    body = http.read("POST", "/graphql", endpoint="types", body={"query": asked}).body
    data = body.get("data") if isinstance(body, Mapping) else None
    types = data.get("gpuTypes") if isinstance(data, Mapping) else None
    if not isinstance(types, list):
        raise BadAnswerError("RunPod tells no types without a key any more", hint="set RUNPOD_API_KEY")
    return types
