"""Plans as files: written whole or not at all, read back strictly.

A plan carries an id drawn from its own content. One that was edited, cut short, or written by another schema version is
refused: what `up` rents must be what `plan` worked out.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from cloudgpu.base.clock import parse_utc
from cloudgpu.base.errors import BadFileError, CloudgpuError, NotFoundError
from cloudgpu.base.money import usd
from cloudgpu.base.whole_file import write_whole
from cloudgpu.planning.alternatives import Alternative
from cloudgpu.planning.candidate import Candidate, Slice
from cloudgpu.planning.disk import IMAGE_DOWNLOAD_GB, check_disk
from cloudgpu.planning.fitting.reason import Reason, Rejection
from cloudgpu.planning.fitting.sized import Sizer
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.objective import Objective
from cloudgpu.planning.offers.offer import Offer, OfferSource
from cloudgpu.planning.plan import SCHEMA_VERSION, OffersInfo, Plan, content_text, plan_id_of
from cloudgpu.planning.readiness import Readiness
from cloudgpu.planning.savings import Saving
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

_HINT = "make a new one: cloudgpu plan MODEL"


def save_plan(plan: Plan, path: Path) -> None:
    """Write the plan, atomically. Raises BadFileError when the place cannot be written."""
    head = json.dumps({"schema_version": SCHEMA_VERSION, "plan_id": plan.plan_id})
    document = f"{head[:-1]}, {plan.content[1:]}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, document)
    except OSError as error:
        why = error.strerror or error
        raise BadFileError(f"the plan cannot be written to {path}: {why}", hint="check the path") from None


def load_plan(path: Path) -> Plan:
    """The plan of a file, with the memory estimated anew (the same figures, unless a newer release knows better).

    Raises NotFoundError when there is no such file and BadFileError when it is no plan of this schema, or was changed.
    """
    document = _document(path)
    if document.get("schema_version") != SCHEMA_VERSION:
        raise BadFileError(
            f"{path} has schema version {document.get('schema_version')!r}, this release reads {SCHEMA_VERSION}",
            hint=_HINT,
        )
    content = content_text({key: value for key, value in document.items() if key not in ("schema_version", "plan_id")})
    if plan_id_of(content) != document.get("plan_id"):
        raise BadFileError(f"{path} was changed after it was written", hint=_HINT)
    try:
        return _plan(document, content)
    except (KeyError, TypeError, ValueError, AttributeError, CloudgpuError) as error:
        raise BadFileError(f"{path} is no plan: {error}", hint=_HINT) from None


def latest_plan_path(state_dir: Path) -> Path:
    """Where the plan that was made last is kept."""
    return state_dir / "plans" / "latest.json"


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"there is no plan at {path}", hint=_HINT) from None
    except OSError as error:
        raise BadFileError(f"{path} cannot be read: {error.strerror}", hint="check the path") from None
    except (ValueError, RecursionError):
        raise BadFileError(f"{path} is not JSON", hint=_HINT) from None
    if not isinstance(document, dict) or "plan_id" not in document:
        raise BadFileError(f"{path} is JSON, but no plan", hint=_HINT)
    return document


def _plan(document: Mapping[str, Any], content: str) -> Plan:
    needs = _needs(document)
    sizer = Sizer(needs)
    serving = document["serving"]
    check_disk(serving["disk_gb"], serving["download_gb"] - IMAGE_DOWNLOAD_GB)
    return Plan(
        plan_id=document["plan_id"],
        created_at=parse_utc(document["created_at"]),
        needs=needs,
        checkpoint=serving["checkpoint"],
        download_gb=serving["download_gb"],
        disk_gb=serving["disk_gb"],
        offers=_offers(document["offers"]),
        candidates=tuple(_candidate(row, sizer) for row in document["candidates"]),
        alternatives=tuple(
            Alternative(differs_in=tuple(row["differs_in"]), candidate=_candidate(row["candidate"], sizer))
            for row in document["alternatives"]
        ),
        rejections=tuple(_rejection(row) for row in document["rejections"]),
        savings=tuple(_saving(row) for row in document["savings"]),
        machines=document["machines"],
        rejected=document["rejected"],
        rejected_by_reason=document["rejected_by_reason"],
        worth=tuple(_candidate(row, sizer) for row in document["worth"]),
        content=content,
    )


def _needs(document: Mapping[str, Any]) -> Needs:
    row = dict(document["needs"])
    cap, old, asked = row.pop("max_usd_per_hour"), row.pop("old_usd_per_hour"), row.pop("asked")
    objective = Objective(row.pop("objective", Objective.PRICE))
    return Needs(
        model=resolve_model(asked or document["model"]),
        asked=asked,
        options=ServingOptions(**row.pop("options")),
        hours=Decimal(row.pop("hours")),
        max_usd_per_hour=_maybe_usd(cap),
        old_usd_per_hour=_maybe_usd(old),
        providers=tuple(row.pop("providers")),
        regions=tuple(row.pop("regions")),
        objective=objective,
        **row,
    )


def _offers(row: Mapping[str, Any]) -> OffersInfo:
    fields = {**row, "source": OfferSource(row["source"]), "fetched_at": parse_utc(row["fetched_at"])}
    return OffersInfo(**{**fields, "notes": tuple(row["notes"])})


def _candidate(row: Mapping[str, Any], sizer: Sizer) -> Candidate:
    offer = _offer(row["offer"])
    judged = sizer.sized(offer)
    if judged.memory is None:
        raise ValueError(f"offer {offer.offer_id} can no longer be judged")
    return Candidate(
        rank=row["rank"],
        offer=offer,
        tensor_parallel=row["tensor_parallel"],
        quantization=row["quantization"],
        checkpoint=row["checkpoint"],
        gpu_usd_per_hour=usd(row["usd_per_hour"]["gpu"]),
        disk_usd_per_hour=usd(row["usd_per_hour"]["disk"]),
        total_usd_per_hour=usd(row["usd_per_hour"]["total"]),
        download_usd=usd(row["usd_once"]["download"]),
        usd_total=usd(row["usd_total"]),
        memory=judged.memory,
        gpu_memory_utilization=judged.gpu_memory_utilization,
        spare_gib=judged.spare_gib,
        speed=sizer.speed(offer),
        usd_per_million_output_tokens=_maybe_usd(row.get("usd_per_million_output_tokens")),
        readiness=_readiness(row["ready"]),
        ready_usd=usd(row["usd_once"]["until_ready"]),
        overlap_usd=usd(row["usd_once"]["overlap"]),
        other_slices=tuple(Slice(**{**piece, "usd_total": usd(piece["usd_total"])}) for piece in row["other_slices"]),
    )


def _readiness(row: Mapping[str, int]) -> Readiness:
    return Readiness(**{name: row[name] for name in Readiness.__dataclass_fields__})


def _maybe_usd(text: str | None) -> Decimal | None:
    return None if text is None else usd(text)


_MONEY_OF_OFFER = tuple(
    name
    for name, field in Offer.__dataclass_fields__.items()
    if field.type in (Decimal, "Decimal", Decimal | None, "Decimal | None")
)


def _offer(row: Mapping[str, Any]) -> Offer:
    fields: dict[str, Any] = {
        name: usd(value) if name in _MONEY_OF_OFFER and value is not None else value for name, value in row.items()
    }
    return Offer(**fields)


def _rejection(row: Mapping[str, Any]) -> Rejection:
    reasons = tuple(Reason(**reason) for reason in row["reasons"])
    return Rejection(**{**row, "reasons": reasons})


def _saving(row: Mapping[str, Any]) -> Saving:
    saves = row["saves_usd_per_hour"]
    amounts = {name: usd(row[name]) for name in ("usd_per_hour", "usd_total")}
    return Saving(**{**row, **amounts, "saves_usd_per_hour": None if saves is None else usd(saves)})
