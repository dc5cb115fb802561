"""What every provider can be asked, and the values it answers with.

An adapter maps its provider's states, prices and errors to these and nothing else leaves it. No method retries a
create; every listing is complete or raises.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from cloudgpu.planning.offers.offer import Market, Offer
from cloudgpu.running.gpu_load import GpuLoad
from cloudgpu.serving.launch import LaunchRequest


class InstanceState(StrEnum):
    """A provider's instance, in our words. Absence is no state: it takes a proof, never one answer alone.

    `OUTBID` is an interruptible instance that somebody bid more for: it keeps its disk, which bills, and comes back by
    itself once its bid wins again.
    """

    PROVISIONING = "provisioning"
    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    OUTBID = "outbid"
    FAILED = "failed"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a container port is reached from outside."""

    host: str
    port: int
    scheme: str = "http"

    @property
    def url(self) -> str:
        """`http://203.0.113.7:41234`, without a trailing slash; the port that a scheme means by itself is left out."""
        plain = (self.scheme, self.port) in (("https", 443), ("http", 80))
        return f"{self.scheme}://{self.host}" + ("" if plain else f":{self.port}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView:
    """One instance as the provider shows it now.

    Prices are what it costs while running, for the real disk. `gpu_billing` and `disk_billing` say which of them is
    charged at this moment. `addresses` maps a container port to its public address; empty until they are known.
    `bid_usd_per_hour` is what an interruptible instance bids for its GPUs, None for one on demand, and
    `min_bid_usd_per_hour` what a bid must reach now, None when the provider does not say.
    `gpu_load` is None while it tells nothing of its cards, `disk_used_gb` while it tells nothing of its disk.
    """

    instance_id: str
    label: str | None
    machine_id: str | None
    state: InstanceState
    detail: str
    gpu_usd_per_hour: Decimal
    disk_usd_per_hour: Decimal
    gpu_billing: bool
    disk_billing: bool
    addresses: dict[int, Address]
    started_at: datetime | None
    bid_usd_per_hour: Decimal | None = None
    min_bid_usd_per_hour: Decimal | None = None
    gpu_load: GpuLoad | None = None
    disk_used_gb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferQuery:
    """Filters a provider may apply on its side; the planner checks every offer again, so they only save rows.

    None means no filter. `min_gpu_memory_mib` is per GPU, `min_total_memory_mib` of all GPUs of an offer together.
    `regions` asks a provider whose offers are not bound to a place for offers that are.
    """

    disk_gb: float
    gpu_names: tuple[str, ...] | None = None
    gpu_counts: tuple[int, ...] | None = None
    min_gpu_memory_mib: int | None = None
    min_total_memory_mib: int | None = None
    min_reliability: float | None = None
    max_usd_per_hour: Decimal | None = None
    verified_only: bool = True
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledLine:
    """One line of the provider's own bill. `meter` is gpu, disk, download or upload."""

    instance_id: str
    meter: str
    start: datetime
    end: datetime
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceProposal:
    """A host asks for more. Nothing here accepts it: shown to a person, who decides in the provider's console.

    Prices are dollars per hour for the instance's GPUs; None where the provider does not say. `answer_by`: until when.
    """

    proposal_id: str
    instance_id: str
    now_usd_per_hour: Decimal | None
    asked_usd_per_hour: Decimal | None
    answer_by: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateWindow:
    """One limit as the provider stated it last: calls left of so many, and the seconds until it opens again."""

    name: str
    left: int
    limit: int | None
    opens_in_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What this adapter's calls so far tell about the provider's limits and its time. For people to read.

    `calls` counts what was sent, by endpoint; `least_s` is the distance we keep between two calls of an endpoint, in
    seconds. `windows` is empty where the provider states no limits. `clock_ahead_s` is the provider's `Date` less this
    machine's time, to the second; None before an answer had one. `last_minute` counts the calls of the last minute with
    this key, those of other commands on this machine included; None where nobody limits them.
    """

    calls: Mapping[str, int]
    least_s: Mapping[str, float]
    windows: tuple[RateWindow, ...]
    clock_ahead_s: float | None
    last_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do beyond the protocol.

    `interruptible`: it takes bids, with `create` and with `change_bid`. `first_byte_s`: its addresses cut an answer off
    that is silent for so long, so answers have to be streamed; None: no such limit is known. `bills`: somebody sends a
    bill and keeps a balance; else `bill` is empty, `balance_usd` raises, and what was metered stands.
    """

    interruptible: bool
    console_url: str
    first_byte_s: float | None = None
    bills: bool = True


class Provider(Protocol):
    """One account at one provider. Every method but `console_url` and `headroom` calls the network.

    `create` alone begins to spend money; `change_bid` changes how fast.

    Raises from the error tree: RefusedKeyError, UnreachableError, BadAnswerError, RateLimitedError on any call.
    """

    name: str
    capabilities: Capabilities

    def search(self, query: OfferQuery) -> Market:
        """Live offers, priced with `query.disk_gb` of disk."""
        ...

    def offer(self, offer: Offer, disk_gb: float) -> Offer:
        """The same offer read again, as it is priced now; a bid is raised to the least that would win now.

        Raises OfferGoneError, for a bid also when that least lies above the price on demand.
        """
        ...

    def prepare(self, launch: LaunchRequest, tell: Callable[[str], None]) -> None:
        """Do what takes long before a create and costs nothing, telling how far it has come: an image to pull.

        Nothing at a provider whose hosts do so once they are rented. Raises InvalidRequestError when it cannot be done.
        """
        ...

    def create(self, offer: Offer, launch: LaunchRequest, label: str) -> str:
        """Rent it; the new instance's id. Sent once, never repeated. An interruptible offer bids its own price.

        Raises OfferGoneError, NoCreditError and InvalidRequestError (nothing was rented), CreateRefusedError (nothing
        was rented unless it carries an id), UnreachableError and BadAnswerError (it may have been rented: look the
        label up).
        """
        ...

    def instances(self) -> Sequence[InstanceView]:
        """Every instance of the account, all pages. Raises rather than answer in part."""
        ...

    def instance(self, instance_id: str) -> InstanceView | None:
        """One instance; None when the provider clearly says it has none of that id (no proof of absence by itself)."""
        ...

    def destroy(self, instance_id: str) -> bool:
        """Ask for its end: True when the provider took it, False when it says that it has none of that id.

        Neither proves the end; the caller verifies by reading back.
        """
        ...

    def logs(self, instance_id: str, tail: int) -> str:
        """The last lines that the container printed."""
        ...

    def bill(self, instance_id: str | None, since: datetime) -> Sequence[BilledLine]:
        """The provider's own bill since a moment: of one instance, or of the whole account (None)."""
        ...

    def account(self) -> str:
        """Whose account the key opens, compared by `same_account`: another account's listing proves no absence."""
        ...

    def balance_usd(self) -> Decimal:
        """Prepaid money left. Raises InvalidRequestError where `capabilities` say that nobody bills."""
        ...

    def change_bid(self, instance_id: str, usd_per_hour: Decimal) -> None:
        """Bid so much for the GPUs of an interruptible instance from now on. Sent once.

        Raises InvalidRequestError where `capabilities` say that there are no bids, or when the bid is refused.
        """
        ...

    def price_proposals(self) -> Sequence[PriceProposal]:
        """What hosts ask for above the agreed price. Empty where a provider knows no such thing. Accepts nothing."""
        ...

    def headroom(self) -> Headroom:
        """What the calls so far tell of limits and clock."""
        ...

    def console_url(self, instance_id: str) -> str:
        """Where a person can see and remove it."""
        ...
