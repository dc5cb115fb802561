"""The RunPod adapter, on REST v2. The emulator is reached by it as well: nothing here knows which of the two answers.

GraphQL, which is being retired, is asked for two things only that v2 has no known path for: whose account it is and
what is left in it.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import (
    BadAnswerError,
    CloudgpuError,
    InvalidRequestError,
    NotAuthorisedError,
    OfferGoneError,
    RefusedKeyError,
)
from cloudgpu.base.money import show_usd, usd
from cloudgpu.base.secret import Secret
from cloudgpu.planning.offers.offer import Market, Offer, OfferSource
from cloudgpu.planning.offers.runpod import GPU_COUNTS, catalogue_offers
from cloudgpu.running.account import KEY_PREFIX, account_name
from cloudgpu.running.providers.base import BilledLine, Capabilities, Headroom, InstanceView, OfferQuery, PriceProposal
from cloudgpu.running.providers.event_stream import Patience
from cloudgpu.running.providers.http import Http, Timeouts
from cloudgpu.running.providers.runpod.bill import billing_params, lines_of
from cloudgpu.running.providers.runpod.create import PortKind, pod_body, pod_offer
from cloudgpu.running.providers.runpod.errors import NoPodError, TooLittleMoneyError, explain, explain_create, no_credit
from cloudgpu.running.providers.runpod.pods import read_listing, read_one
from cloudgpu.running.providers.turns import Turns
from cloudgpu.serving.launch import LaunchRequest

CONSOLE_URL = "https://console.runpod.io/pods"

_INTERVALS_S = {"catalogue": 0.2, "create": 1.0, "pod": 0.5, "list": 0.5, "destroy": 0.5, "logs": 1.0, "billing": 1.0}
"""Least seconds between two calls. RunPod states its limits with each answer (60 a minute in its example), and `Http`
waits when they are used up: these only keep a loop from getting there."""

PROXY_SILENCE_S = 100.0
"""RunPod's proxy answers 524 for a server that is silent for so long; what it began to say is let through to its end.
Source: RunPod documentation of 2026-08-20."""

_PAGE_ROWS = 1000
_MOST_LOG_LINES = 5000
_ACCOUNT = "query { myself { id clientBalance } }"


@dataclass(slots=True)
class RunpodProvider:
    """One RunPod account, or one emulator. See `Provider` for what each method promises."""

    http: Http
    name: str
    capabilities: Capabilities
    port_kind: PortKind

    def search(self, query: OfferQuery) -> Market:
        """See `Provider`. One question a cloud and count; community hosts only where unverified ones are allowed."""
        offers: list[Offer] = []
        unreadable: dict[str, int] = {}
        for cloud, count in _asked(query):
            body = self.http.read("GET", "/v2/catalog/gpus", endpoint="catalogue", params=_availability(cloud, count))
            types = body.body.get("gpus") if isinstance(body.body, Mapping) else None
            if not isinstance(types, list):
                raise BadAnswerError("RunPod: the catalogue cannot be read", hint="try again in a minute")
            found, skipped = catalogue_offers(types, cloud, count, by_place=bool(query.regions))
            offers += found
            unreadable |= {reason: unreadable.get(reason, 0) + number for reason, number in skipped.items()}
        named = query.gpu_names
        return Market(
            offers=tuple(self._ours(offer) for offer in offers if not named or offer.gpu in named),
            source=OfferSource.LIVE,
            origin=self.http.base_url,
            fetched_at=self.http.clock.now(),
            complete=True,
            unreadable=unreadable,
        )

    def offer(self, offer: Offer, disk_gb: float) -> Offer:  # noqa: ARG002  (the price of disk is the same for all)
        """See `Provider`. Stock is no reservation: the create may still find nothing free."""
        wanted = pod_offer(offer.offer_id)
        path = f"/v2/catalog/gpus/{quote(wanted.gpu_type, safe='')}"
        params = _availability(wanted.cloud, wanted.gpu_count)
        with contextlib.suppress(NoPodError):
            body = self.http.read("GET", path, endpoint="catalogue", params=params).body
            by_place = wanted.data_centre is not None
            found, _ = catalogue_offers([body], wanted.cloud, wanted.gpu_count, by_place=by_place)
            for each in found:
                if each.offer_id == offer.offer_id:
                    return self._ours(each)
        raise OfferGoneError(f"RunPod has no {offer.cards} free", hint="plan again: cloudgpu plan MODEL")

    def prepare(self, launch: LaunchRequest, tell: Callable[[str], None]) -> None:
        """See `Provider`. The host pulls the image, once it is rented."""

    def create(self, offer: Offer, launch: LaunchRequest, label: str) -> str:
        """See `Provider`. SPENDS MONEY."""
        body = pod_body(offer, launch, label, self.port_kind)
        try:
            reply = self.http.act("POST", "/v2/pods", endpoint="create", body=body, explain=explain_create)
        except TooLittleMoneyError:
            raise no_credit(self._balance_text()) from None
        pod_id = reply.body.get("id") if isinstance(reply.body, Mapping) else None
        if not isinstance(pod_id, str) or not pod_id:
            raise BadAnswerError("RunPod's answer to the create names no pod", hint="looking whether it was rented")
        return pod_id

    def instances(self) -> Sequence[InstanceView]:
        """See `Provider`. Members of clusters too: they bill as well."""
        return read_listing(self._page)

    def instance(self, instance_id: str) -> InstanceView | None:
        """See `Provider`."""
        try:
            return read_one(self.http.read("GET", _pod(instance_id), endpoint="pod").body)
        except NoPodError:
            return None

    def destroy(self, instance_id: str) -> bool:
        """See `Provider`. 204 is the only yes."""
        try:
            reply = self.http.act("DELETE", _pod(instance_id), endpoint="destroy", body={})
        except NoPodError:
            return False
        if reply.status != 204:
            raise BadAnswerError(f"RunPod answers {reply.status} to a delete", hint="see the console")
        return True

    def act(self, instance_id: str, action: str) -> None:
        """Do `start`, `stop`, `restart` or `terminate` to a pod. A stopped pod keeps no container disk and no GPU."""
        self.http.act("POST", f"{_pod(instance_id)}/action", endpoint="destroy", body={"action": action})

    def logs(self, instance_id: str, tail: int) -> str:
        """See `Provider`. A stream that never ends: read until it falls silent. What the host says when it is empty."""
        return self._log(instance_id, "container", tail) or self._log(instance_id, "system", tail)

    def bill(self, instance_id: str | None, since: datetime) -> Sequence[BilledLine]:
        """See `Provider`. Deleted pods stay in it; RunPod settles every five minutes."""
        now = self.http.clock.now()
        params = billing_params(instance_id, since, now)
        body = self.http.read("GET", "/v2/billing/pods", endpoint="billing", params=params).body
        return lines_of(instance_id, body, since, now)

    def account(self) -> str:
        """See `Provider`. The account's id, and a fingerprint of the key for when GraphQL is not to be had."""
        fingerprint = f"{KEY_PREFIX}{sha256(self.http.key.reveal().encode()).hexdigest()[:16]}"
        try:
            return account_name(str(self._myself()["id"]), fingerprint)
        except RefusedKeyError:
            raise
        except (BadAnswerError, NotAuthorisedError, KeyError):
            return fingerprint

    def balance_usd(self) -> Decimal:
        """See `Provider`. From GraphQL; from v2's account balance, whose path is not confirmed, once that is gone."""
        with contextlib.suppress(BadAnswerError, NotAuthorisedError, KeyError, TypeError, ValueError):
            return usd(self._myself()["clientBalance"])
        body = self.http.read("GET", "/v2/account/balance", endpoint="billing").body
        try:
            return usd(body["balanceAmount"])
        except (KeyError, TypeError, ValueError):
            raise BadAnswerError("RunPod: the balance cannot be read", hint="see the console's billing") from None

    def change_bid(self, instance_id: str, usd_per_hour: Decimal) -> None:  # noqa: ARG002  (there is nothing to bid on)
        """See `Provider`. REST v2 has no interruptible pods."""
        raise InvalidRequestError("RunPod takes no bids", hint="rent on demand, or bid at Vast.ai: --provider vast")

    def price_proposals(self) -> Sequence[PriceProposal]:
        """See `Provider`. RunPod changes its list prices instead, for pods that are yet to be rented."""
        return ()

    def headroom(self) -> Headroom:
        """See `Provider`."""
        return self.http.headroom()

    def console_url(self, instance_id: str) -> str:
        """See `Provider`."""
        base = self.capabilities.console_url
        return f"{base}?id={instance_id}" if instance_id and base == CONSOLE_URL else base

    def _ours(self, offer: Offer) -> Offer:
        return replace(offer, provider=self.name)

    def _page(self, cursor: str | None) -> Any:  # noqa: ANN401  (read_listing judges it)
        params = {"includeClusterPods": "true", "limit": _PAGE_ROWS, **({"cursor": cursor} if cursor else {})}
        return self.http.read("GET", "/v2/pods", endpoint="list", params=params).body

    def _log(self, instance_id: str, source: str, tail: int) -> str:
        most = min(tail, _MOST_LOG_LINES)
        params = {"source": source, "tail": most}
        try:
            lines = self.http.stream(
                f"{_pod(instance_id)}/logs", endpoint="logs", params=params, patience=Patience(), most=most * 4
            )
        except NoPodError:
            return ""
        return "".join(f"{text}\n" for text in _events(lines))

    def _myself(self) -> Mapping[str, Any]:
        reply = self.http.read("POST", "/graphql", endpoint="billing", body={"query": _ACCOUNT})
        try:
            found = reply.body["data"]["myself"]
        except (KeyError, TypeError):
            found = None
        if not isinstance(found, Mapping):
            raise BadAnswerError("RunPod: the account cannot be read", hint="see the console")
        return found

    def _balance_text(self) -> str | None:
        try:
            return show_usd(self.balance_usd())
        except CloudgpuError:
            return None


def open_runpod(
    url: str, key: Secret, clock: Clock, *, name: str = "runpod", console: str = CONSOLE_URL,
    timeouts: Timeouts | None = None, port_kind: PortKind = "http", turns: Turns | None = None,
) -> RunpodProvider:  # fmt: skip
    """The adapter for one account; `turns` may be shared with other commands. Calls no network."""
    http = Http(url, key, clock, _INTERVALS_S, explain, timeouts or Timeouts(), "RUNPOD_API_BASE_URL", turns or Turns())
    first_byte_s = PROXY_SILENCE_S if port_kind == "http" else None
    capabilities = Capabilities(interruptible=False, console_url=console, first_byte_s=first_byte_s)
    return RunpodProvider(http, name, capabilities, port_kind)


def _asked(query: OfferQuery) -> Iterator[tuple[str, int]]:
    for cloud in ("secure",) if query.verified_only else ("secure", "community"):
        for count in query.gpu_counts or GPU_COUNTS:
            yield cloud, count


def _availability(cloud: str, count: int) -> dict[str, str | int]:
    return {"include": "AVAILABILITY", "product": "POD", "count": count, "cloud": cloud.upper()}


def _pod(instance_id: str) -> str:
    return f"/v2/pods/{quote(instance_id, safe='')}"


def _events(lines: Sequence[str]) -> Iterator[str]:
    """The text of each event of a stream; comments and heartbeats fall away. One that broke off is said to have."""
    for line in lines:
        if line.startswith("data:"):
            text = line.removeprefix("data:").strip()
            try:
                event = json.loads(text)
            except ValueError:
                event = None
                text += " [the stream broke off here]" if text.startswith("{") else ""
            yield str(event["line"]).rstrip("\n") if isinstance(event, Mapping) and "line" in event else text
