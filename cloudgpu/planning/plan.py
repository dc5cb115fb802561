"""A plan: the needs, the offers that fit in order of their all-in price, and every refusal."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from cloudgpu.base.clock import utc_text
from cloudgpu.base.money import exact_text
from cloudgpu.planning.alternatives import Alternative, alternatives_of
from cloudgpu.planning.candidate import Candidate
from cloudgpu.planning.fitting.fit import Fit
from cloudgpu.planning.fitting.reason import Rejection
from cloudgpu.planning.frontier import frontier
from cloudgpu.planning.needs import DEFAULT_MIN_RELIABILITY, Needs
from cloudgpu.planning.offers.offer import Market, Offer, OfferSource
from cloudgpu.planning.offers.reference import is_reference
from cloudgpu.planning.ranking import Judged, candidate_of, judge, machines_of, ordered, price_key, rank
from cloudgpu.planning.savings import Saving, savings_of
from cloudgpu.sizing.memory.stretch import yarn_factor

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OffersInfo:
    """Where the offers of a plan came from. `count` is how many could be read; `unreadable` counts the others."""

    source: OfferSource
    origin: str
    fetched_at: datetime
    age_s: int
    count: int
    complete: bool
    unreadable: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The form of the JSON contract."""
        return {
            "source": self.source.value,
            "origin": self.origin,
            "fetched_at": utc_text(self.fetched_at),
            "age_s": self.age_s,
            "count": self.count,
            "complete": self.complete,
            "unreadable": dict(sorted(self.unreadable.items())),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A ranked answer to the needs. No candidate means that nothing fits; the rejections say why.

    `candidates` are the best machines of `machines` that fit, `rejections` the nearest misses of `rejected`; both are
    cut at 40. `rejected_by_reason` counts every refusal; an offer with two reasons counts under both.
    `alternatives` differ in kind from the first candidate: another machine, card or provider.
    `worth` are the candidates that buy something for their price (soon, steady, fast), cheapest first.
    `content` is all of it as JSON text, written once; `plan_id` is drawn from it, so a plan that was changed by hand no
    longer carries its own id.
    """

    plan_id: str
    created_at: datetime
    needs: Needs
    checkpoint: str
    download_gb: float
    disk_gb: int
    offers: OffersInfo
    candidates: tuple[Candidate, ...]
    alternatives: tuple[Alternative, ...]
    rejections: tuple[Rejection, ...]
    savings: tuple[Saving, ...]
    machines: int
    rejected: int
    rejected_by_reason: Mapping[str, int]
    worth: tuple[Candidate, ...]
    content: str = field(default="{}", compare=False, repr=False)

    @property
    def cheapest(self) -> Candidate | None:
        """The cheapest of the candidates, whatever they are ranked by."""
        return min(self.candidates, key=lambda candidate: candidate.usd_total, default=None)

    def as_json(self) -> dict[str, Any]:
        """The form of the JSON contract, without the schema version that every output adds."""
        return {"plan_id": self.plan_id, **json.loads(self.content)}


def make_plan(needs: Needs, market: Market, now: datetime) -> Plan:
    """The plan for these needs on this market. Pure.

    Raises UsageError for an engine or number format that is not known, and for a context that the model does not reach,
    not even by stretching its positions.
    """
    options = needs.options
    yarn_factor(needs.model.architecture, options, options.context_for(needs.model.max_context))
    checkpoint = needs.checkpoint()
    fit = Fit(needs, checkpoint, market.blocked)
    judged = judge(fit, market.offers)
    in_order = ordered(fit, judged.fitting)
    plan = Plan(
        plan_id="",
        created_at=now,
        needs=needs,
        checkpoint=checkpoint.repo_id,
        download_gb=fit.required.download_gb,
        disk_gb=fit.required.disk_gb,
        offers=_offers_info(needs, market, now),
        candidates=rank(fit, in_order),
        alternatives=alternatives_of(fit, in_order),
        rejections=judged.rejections,
        savings=savings_of(needs, market, _cheapest(fit, judged)),
        machines=machines_of(judged.fitting),
        rejected=judged.rejected,
        rejected_by_reason=judged.rejected_by_reason,
        worth=tuple(candidate_of(fit, rank, offer) for rank, offer in enumerate(frontier(fit, judged.fitting), 1)),
    )
    content = content_text(_content(plan))
    return replace(plan, plan_id=plan_id_of(content), content=content)


def plan_id_of(content: str) -> str:
    """`p-` and eight hexadecimal digits drawn from a plan's content: a checksum against slips, no seal."""
    return f"p-{zlib.crc32(content.encode()):08x}"


def content_text(content: dict[str, Any]) -> str:
    """A plan's content as the text that its id is drawn from."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def nearest_miss(plan: Plan) -> Rejection | None:
    """The refused offer that lacked least: fewest reasons, then the smallest shortfall.

    Where a least speed is asked for, of those that were too slow if there are any: what does not start was never timed,
    so that more memory alone need not make it pass.
    """
    slow = [each for each in plan.rejections if any(reason.code == "speed" for reason in each.reasons)]
    return min(slow or plan.rejections, key=Rejection.distance, default=None)


def _cheapest(fit: Fit, judged: Judged) -> Candidate | None:
    best = min(judged.fitting, key=price_key, default=None)
    return None if best is None else candidate_of(fit, 1, best.offer)


def _offers_info(needs: Needs, market: Market, now: datetime) -> OffersInfo:
    notes = market.notes
    if needs.regions and any(is_reference(offer) for offer in market.offers):
        notes += ("Reference figures name no place: --region was not applied to them.",)
    if needs.min_reliability > DEFAULT_MIN_RELIABILITY and any(_is_unrated(offer) for offer in market.offers):
        notes += ("RunPod says nothing of its hosts' reliability: --min-reliability was not applied to its offers.",)
    return OffersInfo(
        source=market.source,
        origin=market.origin,
        fetched_at=market.fetched_at,
        age_s=max(0, int((now - market.fetched_at).total_seconds())),
        count=len(market.offers),
        complete=market.complete,
        unreadable=market.unreadable,
        notes=notes,
    )


def _is_unrated(offer: Offer) -> bool:
    return offer.reliability is None and "runpod" in offer.provider


def _content(plan: Plan) -> dict[str, Any]:
    return {
        "created_at": utc_text(plan.created_at),
        "model": plan.needs.model.model_id,
        "serving": _serving(plan),
        "offers": plan.offers.as_json(),
        "candidates": [candidate.as_json() for candidate in plan.candidates],
        "alternatives": [alternative.as_json() for alternative in plan.alternatives],
        "machines": plan.machines,
        "rejected": plan.rejected,
        "rejected_by_reason": dict(plan.rejected_by_reason),
        "rejections": [rejection.as_json() for rejection in plan.rejections],
        "savings": [saving.as_json() for saving in plan.savings],
        "worth": [candidate.as_json() for candidate in plan.worth],
        "needs": _needs(plan.needs),
    }


def _serving(plan: Plan) -> dict[str, Any]:
    options = plan.needs.options
    return {
        "context": options.context_for(plan.needs.model.max_context),
        "concurrency": options.concurrency,
        "quantization": options.quantization,
        "engine": options.engine,
        "engine_version": options.engine_version,
        "hours": _plain_number(plan.needs.hours),
        "disk_gb": plan.disk_gb,
        "download_gb": plan.download_gb,
        "checkpoint": plan.checkpoint,
    }


def _plain_number(value: Decimal) -> int | float:
    return int(value) if value == int(value) else float(value)


def _needs(needs: Needs) -> dict[str, Any]:
    """What `up` needs to search again, and a reader to understand the refusals."""
    fields = {name: getattr(needs, name) for name in Needs.__dataclass_fields__ if name not in ("model", "options")}
    options = {name: getattr(needs.options, name) for name in type(needs.options).__dataclass_fields__}
    plain = {name: _plain(value) for name, value in fields.items()}
    return {**plain, "options": options}


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return exact_text(value)
    return list(value) if isinstance(value, tuple) else value
