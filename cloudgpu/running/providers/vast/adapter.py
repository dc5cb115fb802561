"""The Vast.ai adapter. The emulator is reached by it as well: nothing here knows which of the two answers."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import BadAnswerError, CloudgpuError, OfferGoneError
from cloudgpu.base.money import usd
from cloudgpu.base.secret import Secret
from cloudgpu.planning.offers.offer import Market, Offer, OfferSource
from cloudgpu.planning.offers.vast import offers_from_vast, unsaid_notes
from cloudgpu.running.providers.base import BilledLine, Capabilities, Headroom, InstanceView, OfferQuery, PriceProposal
from cloudgpu.running.providers.http import Http, Timeouts
from cloudgpu.running.providers.reply import Reply
from cloudgpu.running.providers.turns import Turns
from cloudgpu.running.providers.vast.bid import bid_again, bid_price
from cloudgpu.running.providers.vast.bill import charges_window, lines_of, read_charges
from cloudgpu.running.providers.vast.create import create_body
from cloudgpu.running.providers.vast.errors import NotThereError, explain, explain_bid, explain_create
from cloudgpu.running.providers.vast.instances import PAGE_ROWS, read_listing, read_one
from cloudgpu.running.providers.vast.proposals import read_proposals
from cloudgpu.running.providers.vast.search import cut_note, is_cut, offer_body, search_body
from cloudgpu.running.providers.vast.sweep import sweep
from cloudgpu.serving.launch import LaunchRequest

CONSOLE_URL = "https://cloud.vast.ai/instances/"

_INTERVALS_S = {
    "search": 6.0, "create": 4.5, "destroy": 3.0, "show": 2.0, "list": 1.0, "logs": 1.0, "log_text": 0.5,
    "charges": 1.0, "user": 1.0, "bid": 5.5, "proposals": 1.0,
}  # fmt: skip
"""Least seconds between two calls, by Vast's own thresholds (search: ten a minute)."""

_LOG_LOOKS = 20
_LOG_PAUSE_S = 0.5
_CHARGES_ROWS = 100


@dataclass(slots=True)
class VastProvider:
    """One Vast.ai account, or one emulator. See `Provider` for what each method promises."""

    http: Http
    name: str
    capabilities: Capabilities

    def search(self, query: OfferQuery) -> Market:
        """See `Provider`. `complete` is False when the market told less than it has, whatever way it was asked."""
        found = sweep(self._offers, search_body(query), is_cut)
        offers, unreadable = offers_from_vast(found.rows, self.name)
        return Market(
            offers=offers,
            source=OfferSource.LIVE,
            origin=self.http.base_url,
            fetched_at=self.http.clock.now(),
            complete=found.complete,
            unreadable=unreadable,
            notes=unsaid_notes(offers)
            + (() if found.complete else (cut_note(found.whole_below_usd_per_hour, found.calls),)),
        )

    def offer(self, offer: Offer, disk_gb: float) -> Offer:
        """See `Provider`."""
        found, _ = offers_from_vast(self._offers(offer_body(offer.offer_id, disk_gb)), self.name)
        for each in found:
            if each.offer_id == offer.offer_id:
                return bid_again(offer, each) if offer.interruptible else each
        raise OfferGoneError("the offer is no longer there", hint="plan again: cloudgpu plan MODEL")

    def prepare(self, launch: LaunchRequest, tell: Callable[[str], None]) -> None:
        """See `Provider`. The host pulls the image, once it is rented."""

    def create(self, offer: Offer, launch: LaunchRequest, label: str) -> str:
        """See `Provider`. SPENDS MONEY."""
        path, body = f"/api/v0/asks/{offer.offer_id}/", create_body(offer, launch, label)
        reply = self.http.act("PUT", path, endpoint="create", body=body, explain=explain_create)
        contract = reply.body.get("new_contract") if isinstance(reply.body, Mapping) else None
        if isinstance(reply.body, Mapping) and reply.body.get("success") is True and contract:
            return str(contract)
        raise explain_create(reply)

    def instances(self) -> Sequence[InstanceView]:
        """See `Provider`."""
        return read_listing(self._page)

    def instance(self, instance_id: str) -> InstanceView | None:
        """See `Provider`. Only `{"instances": null}` is a no: a 404 is an error, the key's for one."""
        reply = self.http.read("GET", f"/api/v0/instances/{instance_id}/", endpoint="show", params={"owner": "me"})
        return read_one(reply.body)

    def destroy(self, instance_id: str) -> bool:
        """See `Provider`."""
        try:
            reply = self.http.act("DELETE", f"/api/v0/instances/{instance_id}/", endpoint="destroy", body={})
        except NotThereError:
            return False  # no proof that it is gone: whoever asked reads back
        if not isinstance(reply.body, Mapping) or reply.body.get("success") is False:
            raise _refused("destroy", reply)
        return True

    def logs(self, instance_id: str, tail: int) -> str:
        """See `Provider`. What the host's service says when the container is silent; empty while neither is written."""
        return self._log(instance_id, {"tail": str(tail)}) or self._log(
            instance_id, {"tail": str(tail), "daemon_logs": "true"}
        )

    def bill(self, instance_id: str | None, since: datetime) -> Sequence[BilledLine]:
        """See `Provider`."""
        window = charges_window(since, self.http.clock.now())
        return lines_of(instance_id, read_charges(lambda token: self._charges(window, token)))

    def account(self) -> str:
        """See `Provider`."""
        return str(self._user("id"))

    def balance_usd(self) -> Decimal:
        """See `Provider`. Vast's `credit`: what was paid in and is left."""
        return usd(self._user("credit"))

    def change_bid(self, instance_id: str, usd_per_hour: Decimal) -> None:
        """See `Provider`."""
        path, body = (
            f"/api/v0/instances/bid_price/{instance_id}/",
            {"client_id": "me", "price": bid_price(usd_per_hour)},
        )
        reply = self.http.act("PUT", path, endpoint="bid", body=body, explain=explain_bid)
        if not isinstance(reply.body, Mapping) or reply.body.get("success") is not True:
            raise explain_bid(reply)

    def price_proposals(self) -> Sequence[PriceProposal]:
        """See `Provider`."""
        path = "/api/v0/instances/pending-price-increases/"
        return read_proposals(self.http.read("GET", path, endpoint="proposals").body)

    def headroom(self) -> Headroom:
        """See `Provider`. Vast.ai states no limits beforehand: a 429 names its threshold."""
        return self.http.headroom()

    def console_url(self, instance_id: str) -> str:  # noqa: ARG002  (Vast's console has one page for all)
        """See `Provider`."""
        return self.capabilities.console_url

    def _offers(self, body: Mapping[str, Any]) -> list[Any]:
        reply = self.http.read("POST", "/api/v0/bundles/", endpoint="search", body=body)
        offers = reply.body.get("offers") if isinstance(reply.body, Mapping) else None
        if not isinstance(offers, list):
            raise _refused("search", reply)
        return offers

    def _page(self, token: str | None) -> Any:  # noqa: ANN401  (read_listing judges it)
        params = {
            "select_filters": "{}", "order_by": json.dumps([{"col": "id", "dir": "asc"}]), "limit": PAGE_ROWS,
            **({"after_token": token} if token else {}),
        }  # fmt: skip
        return self.http.read("GET", "/api/v1/instances/", endpoint="list", params=params).body

    def _log(self, instance_id: str, wish: Mapping[str, str]) -> str:
        path = f"/api/v0/instances/request_logs/{instance_id}/"
        reply = self.http.read("PUT", path, endpoint="logs", body=wish)
        url = reply.body.get("result_url") if isinstance(reply.body, Mapping) else None
        for _ in range(_LOG_LOOKS if url else 0):
            text = self.http.fetch_text(str(url), endpoint="log_text")
            if text is not None:
                return text
            self.http.clock.sleep(_LOG_PAUSE_S)
        return ""

    def _charges(self, window: Mapping[str, Any], token: str | None) -> Any:  # noqa: ANN401  (read_charges judges it)
        params = {
            "select_filters": json.dumps(window), "format": "table", "latest_first": "false", "limit": _CHARGES_ROWS,
            **({"after_token": token} if token else {}),
        }  # fmt: skip
        return self.http.read("GET", "/api/v0/charges/", endpoint="charges", params=params).body

    def _user(self, field: str) -> Any:  # noqa: ANN401  (one field of a JSON object)
        reply = self.http.read("GET", "/api/v0/users/current/", endpoint="user", params={"owner": "me"})
        if not isinstance(reply.body, Mapping) or reply.body.get(field) is None:
            raise _refused("account", reply)
        return reply.body[field]


def open_vast(
    url: str, key: Secret, clock: Clock, *, name: str = "vast", console: str = CONSOLE_URL,
    timeouts: Timeouts | None = None, turns: Turns | None = None,
) -> VastProvider:  # fmt: skip
    """The adapter for one account; `turns` may be shared with other commands. Calls no network."""
    http = Http(url, key, clock, _INTERVALS_S, explain, timeouts or Timeouts(), turns=turns or Turns())
    return VastProvider(http, name, Capabilities(interruptible=True, console_url=console))


def _refused(call: str, reply: Reply) -> CloudgpuError:
    """An answer of status 200 that says no, or says nothing that can be used."""
    found = explain(reply)
    return (
        found if not isinstance(found, BadAnswerError) else BadAnswerError(f"{found.message} ({call})", hint=found.hint)
    )
